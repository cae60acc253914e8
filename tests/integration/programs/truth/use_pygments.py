"""pygmentize on a large file, in several formats; and lexers that guess."""

import os
import sys

from pygments.cmdline import main

large = os.path.join(os.path.dirname(os.__file__), "argparse.py")
for words in (
    ["-f", "html", "-O", "full,linenos=table", "-o", os.devnull, large],
    ["-f", "terminal256", "-o", os.devnull, "-l", "python", large],
    ["-f", "latex", "-o", os.devnull, __file__],
    ["-N", "setup.cfg"],
    ["-L", "filters"],
    ["-S", "monokai", "-f", "html"],
    ["-l", "none-such", large],
):
    print(words[0], main(["pygmentize", *words]), file=sys.stderr)
