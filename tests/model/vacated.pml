/* SPDX-License-Identifier: Apache-2.0 */
/* When is a life vacated, so that its place can serve another one? A connected UDP socket that begins to connect
 * elsewhere counts no more in the life that it leaves (bpf/prog/dial.h: begin_record) and stays filed there, as that
 * connect may fail: it counts as left instead (record.h: file_as_left). User space (kernel_data_plane: is_idle) looks
 * at both counts. Checked: a life that is vacated has no flow. Each rule can be left out (-DNO_...). */
#define FREE 0
#define FILED 1
#define LEFT 2

byte tag = FILED; /* of the socket's flow in this life */
byte open_count = 1, left_count;
bool retired;

inline exchange(expected, next, success) {
    atomic {
        success = (tag == expected);
        if
        :: success -> tag = next
        :: else
        fi
    }
}

/* The socket: connects elsewhere, and that fails or not; then it closes. */
proctype Socket() {
    bool counted, success;

#ifdef NO_LEFT_FIRST
    exchange(FILED, LEFT, counted);
    if
    :: counted -> open_count--; left_count++
    :: else
    fi;
#else
    left_count++;
    exchange(FILED, LEFT, counted);
    if
    :: counted -> open_count--
    :: else -> left_count--
    fi;
#endif
    exchange(LEFT, FREE, success);
    if
    :: success -> left_count--
    :: else
    fi
}

/* User space ended the socket meanwhile: it takes it out as it saw it. */
proctype Sweeper() {
    byte seen = tag;
    bool success;

    if
    :: seen != FREE ->
        exchange(seen, FREE, success);
        if
        :: success && seen == FILED -> open_count--
        :: success && seen == LEFT -> left_count--
        :: else
        fi
    :: else
    fi
}

proctype Loop() {
    byte opened, left;

#ifdef NO_OPEN_FIRST
    left = left_count;
    opened = open_count;
#else
    opened = open_count;
    left = left_count;
#endif
    if
    :: opened == 0 && left == 0 -> retired = true; assert(tag == FREE)
    :: else
    fi
}

init {
    atomic {
        run Socket();
        run Sweeper();
        run Loop()
    }
}
