"""Names that need care: escaping, normalising, equal names, odd file contents."""


def größe():
    return "größe"


def größe_nie():  # tomb: größe_nie
    return 1


def ﬁne_never():  # tomb: fine_never
    return 1


class Ключ:
    def 键(self):
        return 1

    def 键_never(self):  # tomb: Ключ::键_never
        return 1


def 𝔘nicode_astral_never():  # tomb: Unicode_astral_never
    return 1


def same(a):  # tomb: same
    return 1


def same(a):
    return 2


def renamed():
    return 1


renamed.__name__ = "other"
renamed.__qualname__ = "quite.other"


def renamed_never():  # tomb: renamed_never
    return 1


renamed_never.__qualname__ = renamed_never.__name__ = 'a "name"\n'
alias = renamed_never
del renamed_never


def _private():
    return 1


def __dunder__():
    return 1


def print():  # tomb: print
    return 1


def main():  # tomb: main
    return 1


def x(self, *, _tomb=1): return _tomb


def drive():
    return [größe(), Ключ().键(), same(1), renamed(), _private(), __dunder__(), x(1)]
