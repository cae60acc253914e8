"""The rows of the table of faults that come from outside: clients, sockets, tokens, lookers-on."""

from __future__ import annotations

from tests.faults.rows import (
    SECRETS,
    SERVER,
    SOCKETS,
    TOKEN,
    row,
)

OUTSIDE = (
    row(
        "clients that never read, read a byte at a time, flood, vanish; a thousand of them",
        "others are served, memory is bounded",
        SERVER + "who_never_reads_keeps_nobody_waiting",
        SERVER + "a_byte_at_a_time_ends",
        SERVER + "a_flood_of_garbage",
        SERVER + "who_vanishes_is_no_trouble",
        SERVER + "a_thousand_clients",
    ),
    row("no descriptor left", "served later", SERVER + "no_descriptor_left"),
    row(
        "something else in the socket's place",
        "only a dead socket of one's own is taken away",
        SOCKETS + "stale_socket_is_replaced",
        SOCKETS + "live_socket_is_left_alone",
        SOCKETS + "what_is_no_socket_is_left_alone",
        SOCKETS + "link_to_a_stale_socket_is_left_alone",
        SOCKETS + "another_users_stale_socket_is_left_alone",
    ),
    row("another user connects", "no answer", SOCKETS + "other_users_get_no_answer"),
    row(
        "over TCP: a wrong token, a token with a line feed in it",
        "closed without an answer, others are served",
        TOKEN + "a_wrong_token_gets_no_answer",
    ),
    row(
        "over TCP: no token, half a token, a byte of it now and then",
        "closed at the deadline, without an answer",
        TOKEN + "no_token_gets_no_answer",
        TOKEN + "an_end_without_a_token_gets_no_answer",
        TOKEN + "a_slow_token_gets_no_answer",
    ),
    row(
        "over TCP: a gigabyte of token",
        "closed after its first bytes",
        TOKEN + "a_gigabyte_of_token_is_not_read",
    ),
    row(
        "over TCP: clients that take all places and say no token",
        "who has it is served",
        TOKEN + "who_has_no_token_keeps_nobody_waiting",
    ),
    row(
        "a token file that is missing, empty, somebody else's or open to others",
        "told before the program starts, or once within it: the socket is off, the program runs",
        SECRETS + "a_token_file_that_is_no_good_is_told_before_the_start",
        SECRETS + "a_token_file_that_is_no_good_is_told_once_within",
        "test_secret.py::test_a_file_that_is_open_to_others_is_refused",
        "test_secret.py::test_whose_file_it_may_be",
    ),
    row(
        "the token file goes away, and then the process that serves, by kill -9",
        "another takes over and demands the same token",
        SECRETS + "the_token_outlives_its_file_and_its_first_process",
    ),
    row(
        "somebody looks for the token in what is written, told, handed down or sent",
        "it is nowhere",
        SECRETS + "the_token_is_nowhere_to_be_seen",
    ),
    row(
        "a socket at tcp://127.0.0.1 without a token",
        "said once: every user of the machine can read it",
        SECRETS + "tcp_without_a_token_is_warned_of_once",
    ),
    row(
        "somebody looks for a prefix that is to be stripped in what is written and sent",
        "it is nowhere, and what was called is no tomb",
        SECRETS + "a_stripped_prefix_is_nowhere_to_be_seen",
        SECRETS + "a_cache_of_another_prefix_is_not_taken",
        SECRETS + "a_stranger_is_found_behind_the_prefix",
    ),
)
