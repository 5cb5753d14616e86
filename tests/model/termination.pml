/* SPDX-License-Identifier: Apache-2.0 */
/* The index of sockets between the programs in the kernel and user space: bpf/prog/flows.h, record.h and owner.h on
 * one side, bpf/maps/flow_memory and life_table on the other. Life A of a backend is condemned while sockets connect
 * and close; life B has the same address, so that only the cookie in a flow tells whose socket a tuple is. Checked for
 * every order of the steps:
 *
 *   no survivor    a socket that is connected to A ends (else its process is stuck: an invalid end state);
 *   no collateral  no socket of B is ended;
 *   no flow lost   each number is free or in use, never both, and all are free in the end;
 *   even books     open counts are those of the sockets that are there.
 *
 * Each rule can be left out (-DNO_...), and then spin finds what goes wrong: tests/check/model.sh. */
#define NONE 0
#define A 1
#define B 2

#define PROCESSES 2 /* that open sockets, one at a time: the first two, the second one */
#define COOKIES 3
#define FLOWS 1 /* so that it is used again at once */

#define TAG(generation, life) ((generation) * 4 + (life))
#define LIFE(tag) ((tag) % 4)
#define GENERATION(tag) ((tag) / 4)

byte tag[FLOWS];
byte cookie[FLOWS], life[FLOWS];                   /* the flow */
bool is_free[FLOWS] = true;

byte open_count[3];
bool condemned[2]; /* A's state, in the older set of maps and in the current one */
byte picked[2] = A; /* what the table of each set says */
byte attached;     /* which set's programs run now */

byte connected[COOKIES + 1];  /* the kernel's view: whose tuple this cookie is */
bool destroyed[COOKIES + 1];
bool raced;                   /* an event is on its way */
byte running = PROCESSES;

inline take(n) { /* bpf_map_pop_elem: its lock is the kernel's. Waits for one: the slower engine is not modelled. */
    atomic { is_free[0] -> n = 0; is_free[n] = false }
}

inline put_back(n) {
    atomic { assert(!is_free[n]); is_free[n] = true }
}

/* By the program that sees the end, or by user space: one of them succeeds. */
inline take_out(n, expected, success) {
    atomic {
        success = (tag[n] == expected);
        if
        :: success -> tag[n] = TAG(GENERATION(expected), NONE)
        :: else
        fi
    }
    if
    :: success -> open_count[LIFE(expected)]--; put_back(n)
    :: else
    fi
}

inline publish(n, own_tag, mine) {
#ifdef NO_GENERATION
    own_tag = TAG(1, mine);
#else
    own_tag = TAG((GENERATION(tag[n]) + 1) % 8, mine);
#endif
    tag[n] = own_tag
}

inline look(set, mine) {
    if
    :: mine == A && condemned[set] -> raced = true
    :: else
    fi
}

proctype Process(byte me, last) {
    byte set, mine, n, own_tag;
    bool success;

    do
    :: me > last -> break /* a cookie, which no other socket ever has */
    :: else ->
        set = attached; /* a program that runs stays what it is, whatever replaces it */
        atomic { mine = picked[set]; open_count[mine]++ };
        take(n);
        cookie[n] = me;
        life[n] = mine;
#ifdef NO_FILE_FIRST
        look(set, mine);
        publish(n, own_tag, mine);
#else
        publish(n, own_tag, mine);
        look(set, mine);
#endif
        connected[me] = mine;
        if
        :: true /* the application closes it */
        :: mine == A -> destroyed[me] /* the application waits for ever for a dead peer */
        fi;
        take_out(n, own_tag, success);
        d_step { connected[me] = NONE; destroyed[me] = false; me++; set = 0; mine = NONE; own_tag = 0; success = false }
    od;
    running--
}

/* SOCK_DESTROY: the kernel compares the cookie and the tuple, which A and B share. */
inline destroy(c, found) {
    atomic {
        found = (connected[c] != NONE);
        if
        :: found && !destroyed[c] -> assert(connected[c] == A); destroyed[c] = true
        :: else
        fi
    }
}

/* A flow, as one socket's: between two looks at its tag. */
inline read_flow(n, seen, c, whose, good) {
    seen = tag[n];
    c = cookie[n];
    whose = life[n];
#ifdef NO_SECOND_LOOK
    good = (LIFE(seen) != NONE)
#else
    good = (LIFE(seen) != NONE && tag[n] == seen)
#endif
}

proctype User() {
    byte n, seen, c, whose;
    bool good, success;

    if
    :: true /* another set of maps takes over first */
        picked[1] = picked[0]; condemned[1] = condemned[0]; attached = 1
    :: true
    fi;
#ifdef NO_CONDEMN_FIRST
    goto walk;
condemn:
#endif
    picked[attached] = B;
    condemned[attached] = true;
#ifndef NO_OLDER_SETS
    condemned[0] = true;
#endif
#ifdef NO_CONDEMN_FIRST
    goto end_of_walk;
#endif
walk:
    raced = false;
    n = 0;
    do
    :: n == FLOWS -> break
    :: else ->
        read_flow(n, seen, c, whose, good);
        if
        :: good && LIFE(seen) == A && whose == A ->
            destroy(c, success);
            if
            :: !success -> raced = true /* its connect is under way, or it closes: swept again */
            :: else
            fi
        :: else
        fi;
        d_step { n++; seen = 0; c = 0; whose = NONE; good = false; success = false }
    od;
#ifdef NO_CONDEMN_FIRST
    if
    :: !condemned[attached] -> goto condemn
    :: else
    fi;
#endif
end_of_walk:
    if
    :: raced -> goto walk
    :: running == 0
    fi;
    n = 0;
    do
    :: n == FLOWS -> break
    :: else -> assert(is_free[n] && LIFE(tag[n]) == NONE); n++
    od;
    assert(open_count[A] == 0 && open_count[B] == 0)
}

init {
    atomic {
        run User();
        run Process(1, 2);
        run Process(3, 3)
    }
}
