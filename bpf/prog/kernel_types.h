/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What only the kernel's own types show of a TCP socket; nothing where they may not be read
 * (without LB_TYPED). */
#ifndef LB_KERNEL_TYPES_H
#define LB_KERNEL_TYPES_H

#define LB_ERROR_UNKNOWN -1

#ifdef LB_TYPED
#include "vmlinux.h"

/* Part of a Multipath TCP connection, unless its peer turns out not to speak it. */
static __always_inline int is_subflow(struct bpf_sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp && tcp->is_mptcp;
}

/* The errno with which TCP ended the connection; 0: it did not, the application closed it. */
static __always_inline int error_of(struct bpf_sock *sk)
{
	struct tcp_sock *tcp = bpf_skc_to_tcp_sock(sk);

	return tcp ? ((struct sock *)tcp)->sk_err : LB_ERROR_UNKNOWN;
}
#else
static __always_inline int is_subflow(struct bpf_sock *sk)
{
	return 0;
}

static __always_inline int error_of(struct bpf_sock *sk)
{
	return LB_ERROR_UNKNOWN;
}
#endif

#endif
