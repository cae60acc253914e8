"""The table of faults: what is done to a program under Tombs, what must come of it, and the test.

A row without a test that exists fails the suite (test_table.py); so does a test of this directory
that no row names.
"""

from __future__ import annotations

from tests.faults.outside import OUTSIDE
from tests.faults.rows import (
    AWAITING,
    EXITS,
    FILES,
    FORKS,
    INTERPRETER,
    KILLED,
    PLACES,
    QUERIES,
    SIGNALS,
    TOOLS,
    row,
)

FAULTS = (
    row(
        "kill -9 at any moment of registering",
        "what was committed is read, locks are free, siblings go on; what may have been called"
        " meanwhile is unknown",
        KILLED + "killed_at_any_moment_of_registering",
        "runtime/test_graveyard.py::test_who_is_killed_half_way_leaves_nothing",
    ),
    row(
        "kill -9 at any moment of a start",
        "the next process of the run finds a whole graveyard or makes one",
        KILLED + "killed_at_any_moment_of_a_start",
    ),
    row(
        "kill -9 between the import of a module and its registration",
        "what was called of it is no tomb; of what was not called nothing is left",
        AWAITING + "killed_before_anything_of_it_is_called",
        AWAITING + "killed_as_soon_as_something_of_it_is_called",
        AWAITING + "killed_beside_a_process_that_has_it",
    ),
    row(
        "a fetch, a fork, an end, a signal's handler, the limit of recursion, as early as that",
        "it is registered by then, or at once, or later; every call counts",
        AWAITING + "who_asks_and_who_ends_finds_it_registered",
        AWAITING + "a_child_has_it_registered",
        AWAITING + "a_handler_calls_while_another_module_is_being_registered",
        AWAITING + "a_first_call_at_the_limit_of_recursion",
    ),
    row(
        "what is kept of a module can't be read when it is to be registered",
        "it is made anew from the .pyc; where that is gone as well, nothing of it is called dead",
        AWAITING + "all_descriptors_closed_before_it_was_read",
        AWAITING + "nothing_of_it_can_be_read_any_more",
    ),
    row(
        "kill -9 of the process that serves, as another of its run starts",
        "that one waits without a word, serves later, and leaves no socket behind",
        KILLED + "a_start_beside_the_children_of_a_killed_server",
    ),
    row(
        "SIGSTOP of a process that holds the registration lock",
        "others start and import at once or after a short deadline; what isn't known is unknown",
        KILLED + "stopped_while_it_holds_the_lock",
    ),
    row(
        "fork while other threads import, register and hold locks",
        "no child hangs; every call counts",
        FORKS + "forks_while_other_threads_hold_whatever_there_is",
        FORKS + "a_fork_while_another_thread_imports_the_first_module",
        FORKS + "a_fork_while_a_large_module_is_described",
    ),
    row(
        "a storm of forks",
        "no warning, no descriptor lost, every call counts",
        FORKS + "a_storm_of_forks",
    ),
    row("fork in a thread", "the child ends as its thread does", FORKS + "a_fork_in_a_thread"),
    row(
        "exec, posix_spawn, subprocess with preexec_fn",
        "the new program takes part in the run",
        FORKS + "a_child_that_becomes_another_program",
    ),
    row(
        "daemonising: double fork, setsid, every descriptor closed and its number used again",
        "nothing of ours is written to the program's files; tombs are right",
        FORKS + "a_daemon_that_closes_all_descriptors",
    ),
    row(
        "setuid after the start, as gunicorn's workers do",
        "modules and calls count, the inherited socket is taken over",
        FORKS + "workers_that_give_up_their_rights",
        FORKS + "the_socket_is_taken_over_by_one_without_rights",
        FORKS + "a_child_imports_nothing_of_tombs",
    ),
    row(
        "exceptions of signal handlers at random moments, KeyboardInterrupt too",
        "each reaches the program; no lock is lost; what was called is no tomb",
        SIGNALS + "exceptions_of_handlers_at_random_moments",
        SIGNALS + "keyboard_interrupts_at_random_moments",
        "runtime/test_locks.py::test_a_lock_that_a_handlers_exception_left_held_is_had_again",
    ),
    row(
        "SIGTERM, SIGINT, SIGHUP: handled, by default, with sys.exit",
        "exit code and output are the program's",
        SIGNALS + "ends_by_a_signal",
        SIGNALS + "suspended_and_continued",
    ),
    row(
        "signals while the thread of Tombs is there",
        "the program's threads take them, by handler or sigwait",
        "runtime/test_background.py::test_signals_reach_the_program",
    ),
    row(
        "the end of the program while an answer is being sent",
        "the program ends as ever",
        "runtime/test_background.py::test_exit_within_a_send",
    ),
    row(
        "a setuid or setgid program",
        "Tombs stays off, and says so in one line",
        "test_session.py::test_where_it_must_not_run_it_says_so",
    ),
    row(
        "a garbage collection or a signal just as a function is first called",
        "the finalizers and handlers that run then count as any call",
        "loader/test_monitoring.py::test_what_interrupts_the_callback_is_seen",
    ),
    row("a crash under faulthandler", "told as ever", SIGNALS + "faulthandler_speaks"),
    row(
        "the interpreter's end: finalizers, daemon threads, os._exit, abort, streams closed",
        "output and exit code as without Tombs",
        EXITS + "ends_as_without_tombs",
    ),
    row(
        "standard streams closed before the start",
        "the program gets the descriptors that it would have got",
        "cli/test_run.py::test_descriptors_are_those_of_a_direct_start",
    ),
    row(
        "disk full or tiny: at start, registration, cache, dump, snapshot",
        "one line, no SIGBUS, no half file, nothing called is a tomb",
        PLACES + "a_full_disk_at_the_start",
        PLACES + "a_full_disk_at_a_registration",
        PLACES + "a_full_disk_for_the_cache",
        PLACES + "a_full_disk_for_the_dump",
        PLACES + "a_full_disk_for_a_snapshot",
    ),
    row(
        "slots full in five processes together",
        "told once, counted, unknown",
        PLACES + "slots_full_in_five_processes_together",
    ),
    row(
        "strings full",
        "counted, noted, unknown; nothing half written",
        "runtime/test_graveyard.py::test_strings_full_refuses_and_can_still_be_noted",
    ),
    row(
        "read-only or missing directories, no HOME, paths of 300 characters",
        "another place, or one line",
        PLACES + "places_that_can_not_be_used",
        FILES + "a_pack_that_can_not_be_written_is_no_trouble",
    ),
    row(
        "a run directory that is a link, a file, or open to others",
        "refused by name, untouched",
        PLACES + "a_run_directory_that_is_a_trap",
    ),
    row(
        "a umask that opens everything, or closes it to the user too",
        "directories are 0700, files and sockets 0600",
        PLACES + "an_odd_umask_opens_and_closes_nothing",
    ),
    row(
        "names with control characters, markup and escape sequences",
        "shown as text by every command, and in HTML",
        "cli/test_fetch.py::test_a_terminal_is_not_steered",
        "cli/test_fetch.py::test_no_command_shows_what_steers_a_terminal",
        "report/test_page.py::test_markup_in_names_stays_text",
    ),
    row("names that aren't UTF-8", "valid lines", PLACES + "names_that_are_not_utf_8"),
    row(
        "the clock set back, or forward and back again",
        "times never go back",
        PLACES + "a_clock_that_is_set_back",
        PLACES + "a_clock_that_jumps",
    ),
    row(
        "the clock set ahead, the machine asleep or started anew",
        "no longer watched for it",
        "runtime/test_watching.py::test_a_clock_that_jumps_ahead_lengthens_nothing",
        "runtime/test_watching.py::test_sleep_and_a_new_start_of_the_machine",
    ),
    row(
        "a graveyard compacted or swept while its release starts",
        "the start begins anew, nothing is lost",
        "client/test_kept_races.py::test_a_start_whose_graveyard_is_taken_away_begins_anew",
        "client/test_kept_races.py::test_two_starts_of_a_release_that_is_taken_away",
        "client/test_kept_races.py::test_a_start_between_reading_and_removing",
        "client/test_kept_races.py::test_a_sweep_takes_no_graveyard_from_a_start",
    ),
    row(
        "a poisoned cache: cut, flipped, another Python's, somebody else's, open to others",
        "ignored and made anew, never executed",
        FILES + "a_spoiled_pack_is_ignored_and_made_anew",
        FILES + "no_flipped_byte_of_a_pack_is_executed",
    ),
    row(
        "a graveyard of another format or none",
        "refused by name, not overwritten",
        FILES + "a_graveyard_of_another_format",
    ),
    row(
        "two Pythons in one run directory, or one that Tombs was not set up for",
        "no graveyard is shared; the other one is silent",
        "runtime/test_opening.py::test_interpreters_of_two_versions_share_no_graveyard",
        "integration/test_bootstrap.py::test_silent_on_other_pythons",
    ),
    row(
        "two applications on one path",
        "both are in it, neither spoils the other's",
        FILES + "two_applications_on_one_path",
    ),
    row(
        "graveyard, lock or socket removed or replaced while in use",
        "the program goes on; what replaced it is untouched",
        FILES + "a_graveyard_that_goes_while_it_is_used",
    ),
    row(
        "a graveyard cut short from outside, where no program has it mapped",
        "readers answer or say what is wrong; a start refuses it",
        FILES + "a_graveyard_that_is_cut_while_it_is_read",
        "runtime/test_region.py::test_a_file_cut_short_is_refused",
    ),
    row(
        "bytes of a graveyard flipped",
        "readers answer or say what is wrong",
        FILES + "readers_of_a_graveyard_that_is_being_spoiled",
        "test_snapshot.py::test_no_flipped_byte_is_more_than_an_error",
    ),
    row(
        "-I, -E, -S",
        "Tombs is not there, and silent",
        INTERPRETER + "flags_that_keep_tombs_out",
    ),
    row(
        "-P, -O, -OO, -X dev, -W error and others",
        "nothing changes",
        INTERPRETER + "flags_that_change_nothing",
        INTERPRETER + "stripped_and_plain_code_are_two_versions",
    ),
    row(
        "PYTHONPATH changed by the program",
        "its children are watched where the bootstrap is still on it, and silent where not",
        INTERPRETER + "a_program_that_changes_pythonpath",
    ),
    row("a debug build", "as any other", INTERPRETER + "a_debug_build"),
    row("a free-threaded build", "refused in one line", INTERPRETER + "a_free_threaded_build"),
    row(
        "a run directory and a cache mounted noexec",
        "nothing changes",
        PLACES + "a_run_directory_that_nothing_can_be_executed_in",
    ),
    row(
        "recursion to the limit",
        "RecursionError as ever; a first call under the rewrite engine needs room for one more",
        INTERPRETER + "recursion_to_the_limit",
        INTERPRETER + "endless_recursion_of_the_programs",
    ),
    row(
        "50,000 functions in a module; 70,000 constants in a function",
        "right",
        INTERPRETER + "a_module_of_fifty_thousand_functions",
        INTERPRETER + "a_function_of_seventy_thousand_constants",
    ),
    row("exec and eval", "nobody's, and no error", INTERPRETER + "code_without_a_module"),
    row(
        "sys.path, finders or sys.modules narrowed by the program",
        "its imports go on; what Tombs can't import is unknown",
        INTERPRETER + "a_program_that_narrows_what_can_be_imported",
    ),
    row(
        "monitoring identifiers taken, freed by others; restart_events",
        "the rewrite engine, or no harm; without an identifier nothing is called dead",
        INTERPRETER + "all_tool_identifiers_are_taken",
        INTERPRETER + "somebody_takes_our_identifier_away",
        INTERPRETER + "another_tool_restarts_all_events",
    ),
    row(
        "subinterpreters, by hand and in a pool",
        "run unwatched, in silence; from then on nothing is called dead",
        INTERPRETER + "a_subinterpreter",
        INTERPRETER + "a_pool_of_interpreters",
    ),
    row(
        "settrace, setprofile, cProfile, pdb, tracemalloc, gc callbacks",
        "both work",
        INTERPRETER + "beside_tools_of_the_standard_library",
        INTERPRETER + "under_the_debugger",
        INTERPRETER + "under_cprofile",
    ),
    row(
        "a tracer, profiler, audit hook or debugger of the program's own",
        "called as ever; Python reports nothing of it, so its module's functions are unknown to"
        " monitoring",
        INTERPRETER + "a_tracer_of_the_programs_own",
    ),
    row("gevent, eventlet, before and after", "no stall, no warning", TOOLS + "green_threads"),
    row("asyncio in debug mode, uvloop, trio", "no warning", TOOLS + "event_loops"),
    row("coverage.py, both cores", "the same figures", TOOLS + "under_coverage"),
    row(
        "pytest's assertion rewriting, beartype.claw, typeguard",
        "both work; what typeguard's decorator compiles anew is unknown to the rewrite engine",
        TOOLS + "under_pytests_assertion_rewriting",
        TOOLS + "import_hooks_that_check_types",
        TOOLS + "a_decorator_that_compiles_anew",
    ),
    row(
        "numba",
        "functions compile and run as ever; of their module nothing is called dead",
        TOOLS + "functions_that_numba_compiles",
        TOOLS + "a_function_that_another_module_hands_to_numba",
    ),
    row(
        "statements of SQLAlchemy and Pony ORM that are made of lambdas",
        "the queries are those without Tombs",
        QUERIES + "lambdas_of_sqlalchemys_statements",
        QUERIES + "lambdas_that_pony_reads",
    ),
    row(
        "torch.compile",
        "one graph, as ever; what it inlines is no tomb: vacated by the rewrite engine, unknown to"
        " monitoring",
        TOOLS + "what_torch_compiles",
        "loader/test_monitoring.py::test_what_is_inlined_is_unknown",
    ),
    row(
        "a module that Cython compiled",
        "left alone; `tombs doctor` names it",
        TOOLS + "a_module_that_cython_compiled",
    ),
    row(
        "ddtrace and OpenTelemetry by their launchers, Sentry",
        "both work, and the end is silent",
        TOOLS + "opentelemetry_before_the_launcher",
        TOOLS + "ddtrace_behind_the_launcher",
        TOOLS + "sentry",
    ),
    row(
        "functions that cloudpickle takes to another process",
        "they run there, with Tombs and without; calls in the same run count",
        "integration/test_other_code.py::test_cloudpickle_to_another_process",
        "integration/test_other_code.py::test_what_cloudpickle_brings_counts",
    ),
    row("freezegun, time-machine", "both work", TOOLS + "a_clock_that_is_frozen"),
    row("Dask's and Ray's workers", "their calls count", TOOLS + "dask", TOOLS + "ray"),
    *OUTSIDE,
)
