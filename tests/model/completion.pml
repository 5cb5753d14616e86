/* SPDX-License-Identifier: Apache-2.0 */
/* What only user space finds out about a socket, the source port of connected UDP, is written beside its flow
 * (bpf/maps/flow_memory: complete), while programs take the flow out and use it for another socket; and user space
 * itself takes out what is connected no more (bpf/prog/record.h: unfile). Checked for every order of the steps: a
 * reader never takes one socket's port for another's, and each flow is freed once. Each rule can be left out
 * (-DNO_...). */
#define TAG(generation, used) ((generation) * 2 + (used))
#define USED(tag) ((tag) % 2)
#define GENERATION(tag) ((tag) / 2)

byte tag;    /* of the one flow that there is */
byte cookie; /* the flow */
byte completed_generation, completed; /* the port, of which each cookie has its own */
bool is_free = true;
byte running = 4;

inline take_out(expected, success) {
    success = false;
#ifdef NO_EXCHANGE
    success = USED(tag);
    tag = TAG(GENERATION(tag), 0);
#else
    atomic {
        if
        :: tag == expected -> success = true; tag = TAG(GENERATION(expected), 0)
        :: else
        fi
    };
#endif
    if
    :: success -> atomic { assert(!is_free); is_free = true }
    :: else
    fi
}

proctype Process(byte me, last) {
    byte own_tag;
    bool success;

    do
    :: me > last -> break
    :: else ->
        atomic { is_free -> is_free = false };
        cookie = me;
#ifdef NO_GENERATION
        own_tag = TAG(1, 1);
#else
        own_tag = TAG(GENERATION(tag) + 1, 1);
#endif
        tag = own_tag;
        take_out(own_tag, success);
        d_step { me++; own_tag = 0; success = false }
    od;
    running--
}

inline read_flow(seen, whose, port, good) {
    seen = tag;
    whose = cookie;
    port = 0;
    if
#ifdef NO_COMPLETION_GENERATION
    :: completed != 0 -> port = completed
#else
    :: completed_generation == GENERATION(seen) -> port = completed
#endif
    :: else
    fi;
    good = (USED(seen) && tag == seen)
}

proctype Resolver() {
    byte seen, whose, port;
    bool good, success;

    read_flow(seen, whose, port, good);
    if
    :: good && port == 0 ->
        completed_generation = 0;
        completed = whose;
        completed_generation = GENERATION(seen)
    :: good -> take_out(seen, success)
    :: else
    fi;
    running--
}

proctype Reader() {
    byte seen, whose, port;
    bool good;

    read_flow(seen, whose, port, good);
    assert(!good || port == 0 || port == whose);
    running--
}

init {
    atomic {
        run Process(1, 2);
        run Process(3, 3);
        run Resolver();
        run Reader()
    };
    running == 0;
    assert(is_free && !USED(tag))
}
