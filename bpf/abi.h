/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only OR BSD-2-Clause */
/*
 * What the programs in the kernel and user space share: keys, values, constants. Plain C for both sides;
 * fixed widths, explicit padding, every size equal to the sum of its fields. Numbers whose names end in
 * _be are in network byte order. A change of layout needs a new LB_ABI_VERSION.
 */
#ifndef RESEAT_BPF_ABI_H
#define RESEAT_BPF_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define LB_ASSERT_SIZE(type, size) static_assert(sizeof(type) == (size))
#else
#define LB_ASSERT_SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#endif

/*
 * A later process adopts what an earlier one left pinned. Everything in lb_owner, lb_history, lb_history_more
 * and the index (lb_flows, lb_flow_tags, lb_free_flows, lb_index) is used as it is: a change of lb_endpoint,
 * lb_record, lb_owner, lb_history, lb_history_more, lb_flow, lb_index or of a tag needs a new LB_OWNER_VERSION, and a
 * set with another one cannot be adopted. All other maps are copied into new ones at each start: to what is copied
 * (lb_meta, lb_service, lb_backend, lb_name, lb_word), fields are only ever appended as long as LB_OWNER_VERSION
 * stays, and a reader takes those that it knows.
 */
#define LB_ABI_VERSION 3
#define LB_OWNER_VERSION 3

/* An address (IPv4 as v4-mapped), a port, a protocol (IPPROTO_TCP or IPPROTO_UDP): the one key type. */
struct lb_endpoint {
	__be32 addr_be[4];
	__be16 port_be;
	__u8 protocol;
	__u8 pad;
};
LB_ASSERT_SIZE(struct lb_endpoint, 20);

/* lb_meta, element 0: read before a pinned set is adopted. */
struct lb_meta {
	__u32 abi_version;
	__u32 owner_version;
	__u64 next_life;    /* lowest life id never used */
	__u32 next_service; /* lowest service id never used */
	__u32 pad;
};
LB_ASSERT_SIZE(struct lb_meta, 24);

/* How a slot of the table is chosen. */
#define LB_POLICY_ROUND_ROBIN 0
#define LB_POLICY_RANDOM 1
#define LB_POLICY_LEAST_CONN 2 /* of two at random the less busy one */
#define LB_POLICY_MAGLEV 3     /* by the hash key of the connect */

/* The hash key of a connect: the caller's cgroup, user or process. */
#define LB_HASH_WORKLOAD 0
#define LB_HASH_UID 1
#define LB_HASH_PROCESS 2

/* lb_services: service address -> service */
struct lb_service {
	__u32 id; /* from 1; 0 is no service */
	__u32 policy;
	__u32 table; /* its place in lb_tables and lb_turns, free for another once the service is gone */
	__u32 hash_key; /* of LB_POLICY_MAGLEV */
};
LB_ASSERT_SIZE(struct lb_service, 16);

/* lb_names: service id -> its name. Not used by the programs, but by the next process. */
#define LB_NAME_SIZE 256
struct lb_name {
	struct lb_service service;
	__u8 protocol;
	__u8 pad[7];
	char name[LB_NAME_SIZE]; /* ends with a 0 */
};
LB_ASSERT_SIZE(struct lb_name, 280);

/* lb_words: a service's backend -> what the operator wants of it, and what the configuration said then. Again
 * only the next process has a use for it. */
#define LB_WORD_READY 0
#define LB_WORD_DRAIN 1
#define LB_WORD_MAINT 2
struct lb_word_key {
	__u32 service;
	struct lb_endpoint backend;
};
LB_ASSERT_SIZE(struct lb_word_key, 24);
struct lb_word {
	__u32 state;
	__u32 configured_state;
	__u32 weight;
	__u32 configured_weight;
};
LB_ASSERT_SIZE(struct lb_word, 16);

/* lb_tables: LB_TABLE_INDEX(table of the service, family) -> where its slots are in lb_slots; one 8-byte word, so that
 * one store publishes a table and a program sees it whole. length 0: no backend is eligible. */
#define LB_FAMILY_V4 0
#define LB_FAMILY_V6 1
#define LB_TABLE_INDEX(table, family) ((table) * 2 + (family))
#define LB_TABLE_WORD(offset, length) (((__u64)(length) << 32) | (offset))
#define LB_TABLE_OFFSET(word) ((__u32)(word))
#define LB_TABLE_LENGTH(word) ((__u32)((word) >> 32))

/* lb_slots: backend index, and how many slots of its table are that backend's: its share of the connects. */
#define LB_SLOT(backend, share) (((__u64)(share) << 32) | (backend))
#define LB_SLOT_BACKEND(slot) ((__u32)(slot))
#define LB_SLOT_SHARE(slot) ((__u32)((slot) >> 32))

/* States of a life. */
#define LB_LIFE_NONE 0
#define LB_LIFE_ELIGIBLE 1
#define LB_LIFE_DRAINING 2  /* no new sockets, the open ones continue */
#define LB_LIFE_CONDEMNED 3 /* its sockets are to be ended or moved */

/* In a new set of maps the counters of a copied element start this far apart: they represent what the set
 * before it counted as well. Its last count is added when none of its programs runs any more, by one
 * addition that also takes this away, so that it cannot be added twice. */
#define LB_COUNTED_APART (1ULL << 63)

/* lb_backends: backend index -> the life that uses this element. Reused only after a grace period. */
struct lb_backend {
	__u64 life;
	struct lb_endpoint endpoint;
	__u32 service;
	__u32 state;
	__u32 pad;
	__u64 open;	/* sockets balanced to it and not closed; or LB_COUNTED_APART */
	__u64 connects; /* likewise */
	__u64 left;	/* likewise: sockets in the index that count in `open` no more, see LB_TAG_LEFT */
	__u64 overflow; /* sockets that found no room in the index */
};
LB_ASSERT_SIZE(struct lb_backend, 72);

/* lb_outcomes: backend index -> how connects to the life of lb_backends[index] end. Counts since this set of
 * maps is in use; user space adds what the sets before it counted. TCP only. */
struct lb_outcome {
	__u64 life;
	__u64 failures; /* connects that were refused or timed out, or found no way */
	__u64 resets;	/* connections that broke before the first byte of an answer */
	__u32 failures_in_a_row; /* no connect succeeded between them */
	__u32 resets_in_a_row;	 /* no connection that got an answer ended between them */
	__u32 error; /* errno of the latest of both; 0: unknown */
	__u32 told;  /* events that were sent and not taken, LB_TOLD_*: user space sets them back */
	__u64 unanswered; /* connections that the peer closed after a request, without a byte of an answer */
	__u32 unanswered_in_a_row; /* as resets_in_a_row */
	__u32 answered;		   /* a connection got an answer: requests get some here */
};
LB_ASSERT_SIZE(struct lb_outcome, 56);
#define LB_TOLD_FAILING 1
#define LB_TOLD_HUNG_UP 2

/* lb_peers: is this address a backend of this service (0: of any), and what do its clients dial? */
struct lb_peer_key {
	__u32 service;
	struct lb_endpoint backend;
};
LB_ASSERT_SIZE(struct lb_peer_key, 24);

struct lb_peer {
	struct lb_endpoint dialled;
};
LB_ASSERT_SIZE(struct lb_peer, 20);

/* One way in which a socket got to a backend: a connect of it, or the datagrams that it sends there. */
#define LB_RECORD_COUNTED 1 /* in lb_backend.open, for as long as it is in the index, if it ever was */
#define LB_RECORD_INDEXED 2 /* filed in the index; user space may have taken it out since */
/* Of a socket that was closed, `previous` with life 0: kept for the program that sees how its connection ends.
 * `service` and `flow` are the low and the high half of the life that it had. */
#define LB_RECORD_TRACE 4
/* UDP: the kernel may still be about to perform this connect. It is not once the thread that made it
 * (`stamp`) makes another one, or once the socket is connected there and nothing else can have done that. */
#define LB_RECORD_UNDER_WAY 8
#define LB_RECORD_UNSURE 16 /* something else can: that the socket is connected there proves nothing */
#define LB_RECORD_SENT 32   /* datagrams, not a connect; `stamp` orders those of one socket */
#define LB_RECORD_LEFT 64   /* datagrams to this service go elsewhere now; late answers come from here */
#define LB_RECORD_OVERRIDDEN 128 /* this peer was dialled in another way since: it names no datagram any more */
struct lb_record {
	__u64 life; /* 0: connected without the programs, or no record */
	struct lb_endpoint dialled;
	struct lb_endpoint peer;
	__u32 service;
	__u32 backend;
	__u32 flow;	  /* its number in lb_flows */
	__u32 generation; /* of the tag there */
	__u32 flags;
	__u32 stamp;
};
LB_ASSERT_SIZE(struct lb_record, 72);

/* lb_owner: socket -> what it is connected to. The hook commits before the kernel connects, so the record
 * before it is kept: the actual peer shows which of the two is real. */
#define LB_OWNER_EXEMPT 1  /* reseat's own socket: never translated */
#define LB_OWNER_SENDER 2  /* has records of datagrams in lb_history */
#define LB_OWNER_MULTIPATH 4 /* a subflow of Multipath TCP, unless its peer does not speak it */
#define LB_OWNER_STATES 8    /* TCP: only reseat asked for its state callbacks */
#define LB_OWNER_UNANSWERED 16 /* TCP: counted in lb_outcome.unanswered */
#define LB_OWNER_BOUND 32    /* UDP: the application bound its source address */
#define LB_OWNER_CROWD 64    /* UDP: has records of other threads' connects in lb_history */
#define LB_OWNER_PAST_US 128 /* UDP: unconnected since, it sent to an address that is no service's */
struct lb_owner {
	struct lb_record current;
	struct lb_record previous;
	__u32 pid; /* thread group that connected, in the initial pid namespace */
	__u32 uid;
	__u16 flags;
	__u16 pad;
	__u32 key; /* hash key of the connect, where maglev used it; 0 elsewhere */
};
LB_ASSERT_SIZE(struct lb_owner, 160);

/* lb_sessions: the sessions of exec checks' commands, as they are numbered in their pid namespace. */
struct lb_session {
	__u32 pid;
	__u32 pid_namespace; /* inode */
};
LB_ASSERT_SIZE(struct lb_session, 8);

/* lb_owned_pass: what lb_owned is to find, and how many it found. */
struct lb_owned_pass {
	__u64 life; /* 0: all */
	__u32 found;
	__u32 pad;
};
LB_ASSERT_SIZE(struct lb_owned_pass, 16);

/* In lb_owned_found: each socket that has an owner. */
struct lb_owned {
	__u64 cookie;
	__u64 netns; /* cookie of the network namespace */
	struct lb_owner owner;
};
LB_ASSERT_SIZE(struct lb_owned, 176);

/* What the iterator engine is to end: the sockets of `life` that are connected to `peer`; and what it did. */
struct lb_ending {
	__u64 life;
	struct lb_endpoint peer;
	__u32 states; /* bit n: TCP state n */
	__u64 matched;
	__u64 ended;
};
LB_ASSERT_SIZE(struct lb_ending, 48);

/* lb_history, lb_history_more: socket -> what else it connected to: the services that it sends datagrams to without
 * being connected to them, and connects of it that more than two threads have under way. Sockets that only
 * connect have none. The second map is for what the few records of the first have no room for. */
#define LB_HISTORY_RECORDS 5
#define LB_HISTORY_EXTENDED 1	/* the socket is in lb_history_more, too */
#define LB_HISTORY_OVERFLOWED 2 /* something found no room: lb_peers of service 0 fills in */
struct lb_history {
	struct lb_record records[LB_HISTORY_RECORDS];
	__u32 turn; /* stamp of the latest datagram */
	__u16 flags;
	__u16 next; /* where lb_history_more is searched next for a life that is over */
};
LB_ASSERT_SIZE(struct lb_history, 368);

#define LB_HISTORY_MORE_RECORDS 55
struct lb_history_more {
	struct lb_record records[LB_HISTORY_MORE_RECORDS];
};
LB_ASSERT_SIZE(struct lb_history_more, 3960);

/* The index: each socket that was balanced is a flow, from which user space finds it. Flow n is in lb_flows[n / chunk]
 * at n % chunk, and its tag in lb_flow_tags[n]; the numbers of those that are free are in lb_free_flows.
 *
 * A tag says which life the flow belongs to, or 0 below its generation: none. The program that takes a free number
 * fills in the flow and then writes the tag, whose generation is one more than the last: what reads the same tag
 * before and after the flow has read one socket's. To take a flow out means to exchange exactly that tag for none:
 * one of several that try succeeds, uncounts the socket and frees the number. A flow counts in lb_backend.open
 * until then. A socket that begins to connect elsewhere counts no more and stays filed, as that may fail: its tag gets
 * LB_TAG_LEFT. */
#define LB_TAG_LEFT (1ULL << 32)
#define LB_TAG_UDP (1ULL << 33)
#define LB_TAG_ONE_GENERATION (1ULL << 34)
#define LB_TAG_GENERATION (~(LB_TAG_ONE_GENERATION - 1))
#define LB_TAG(generation, backend) ((generation) * LB_TAG_ONE_GENERATION | ((__u64)(backend) + 1))
#define LB_TAG_LIFE(tag) ((__u32)(tag)) /* index in lb_backends plus 1; 0: the flow is free */
#define LB_GENERATION(tag) ((__u32)((tag) / LB_TAG_ONE_GENERATION))

/* What only user space can find out about a socket after it was filed. Good for one generation, as the flow may
 * belong to another socket by the time of the writing. */
struct lb_completion {
	__u32 generation;
	__u32 ifindex;
	struct lb_endpoint local;
	__u32 inode; /* of the socket */
	__u32 fd;    /* where it was seen in process pid, plus 1: a hint; 0: nowhere */
};
LB_ASSERT_SIZE(struct lb_completion, 36);

struct lb_flow {
	__u64 cookie;
	__u64 life;
	__u64 netns; /* cookie of the network namespace */
	struct lb_endpoint local; /* connected UDP: as far as it was bound, see `completion` */
	struct lb_endpoint remote;
	struct lb_endpoint dialled;
	__u32 ifindex; /* bound device, 0: none */
	__u32 pid;     /* as in lb_owner */
	__u32 flags;
	__u64 since_ns; /* CLOCK_MONOTONIC_COARSE at which it was filed */
	struct lb_completion completion; /* of UDP */
	__u32 pad;
};
LB_ASSERT_SIZE(struct lb_flow, 144);
#define LB_FLOW_SUBFLOW 1 /* of Multipath TCP: the application has another socket, unless its peer does not speak it */

/* Among the free numbers: when a program takes this one, few are left (LB_EVENT_INDEX_LOW). */
#define LB_FLOWS_LOW 0xffffffff

/* lb_index, element 0. Also what lb_add_flows is to do: free the numbers from `flows` on. */
struct lb_index {
	__u32 flows; /* all numbers below are free or in use */
	__u32 more;  /* lb_add_flows: how many */
	__u32 mark;  /* lb_add_flows: whether to warn when a quarter of them is left */
	__u32 pad;
};
LB_ASSERT_SIZE(struct lb_index, 16);

/* What lb_unfile is to take out: the flow of this tag; 0: none. */
struct lb_unfiling {
	__u64 tag;
	__u64 life;
	__u32 number;
	__u32 pad;
};
LB_ASSERT_SIZE(struct lb_unfiling, 24);
#define LB_UNFILINGS 32 /* in one call */
struct lb_unfilings {
	struct lb_unfiling flows[LB_UNFILINGS];
};

/* lb_repoint: cookie of a socket -> the re-point of it that is under way: the one that adds the entry moves
 * the socket, and no other does meanwhile. What a killed process left is removed by the next. A connect made by reseat (thread
 * group `tgid`) on that socket goes to `backend`, and only while the socket is still connected to `expected`
 * (port 0: not connected at all). The entry of cookie 0 is there to say reseat's thread group. */
#define LB_MAX_REPOINTS 64
struct lb_repoint {
	__u64 life; /* of `backend`, which may be over by the time of the connect */
	struct lb_endpoint expected;
	__u32 backend;
	__u32 tgid;    /* reseat's, in the initial pid namespace */
	__u32 settled; /* and only while the application is not connecting it elsewhere */
};
LB_ASSERT_SIZE(struct lb_repoint, 40);

/* lb_events: what user space must know. Nothing on the success path. */
#define LB_EVENT_RACED 1 /* a connect reached `life` while it was being condemned, or UDP drained */
struct lb_event {
	__u32 kind;
	__u32 service;
	__u64 life;
	__u64 cookie;
};
LB_ASSERT_SIZE(struct lb_event, 24);

/* A connect to `life` failed, or a connection before its first byte (lb_outcomes counts them), or a SYN had to
 * be sent again. An lb_event; none while one of this life was not taken. */
#define LB_EVENT_FAILING 3

/* The peer closed or reset a connection of `life` that the application has open. An lb_event; none while one
 * of this life was not taken. */
#define LB_EVENT_HUNG_UP 4

/* The index has few free flows: more are to be added. An lb_event of no life. */
#define LB_EVENT_INDEX_LOW 5

/* LB_EVENT_DENIED: abi_policy.h */
#define LB_EVENT_DENIED 2

/* lb_stats: one counter per outcome of the data path. */
#define LB_STATS(STAT)                                                                             \
	STAT(BALANCED, balanced)	   /* translated to a backend */                           \
	STAT(NO_BACKEND, no_backend)	   /* refused: no backend is eligible */                    \
	STAT(UNOWNED, unowned)		   /* balanced, but no room to note it on the socket */    \
	STAT(INDEX_OVERFLOW, index_overflow) /* owned, but no room in the index */                 \
	STAT(RACED, raced)		   /* connected to a life that was being condemned */      \
	STAT(EVENTS_LOST, events_lost)	   /* no room for the event that says so */                \
	STAT(REPOINT_LOST, repoint_lost)   /* the application re-connected first */                \
	STAT(STICKY, sticky)		   /* datagram to the same live backend as before */       \
	STAT(DENIED, denied)		   /* refused: a policy denies it */                       \
	STAT(UDP_FILED, udp_filed)	   /* connected UDP in the index, its port not known yet */ \
	STAT(UNNOTED, unnoted)		   /* datagram to a service beyond those that a socket notes */
#define LB_STAT_ID(id, name) LB_STAT_##id,
enum { LB_STATS(LB_STAT_ID) LB_STAT_COUNT };

#endif
