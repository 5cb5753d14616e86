// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* lb_sockops once more, for kernels whose own types we may read: an object of its own, as that
 * needs CAP_PERFMON and BTF. Where it loads, it is attached in place of the plain one. All its maps
 * are those of lb.bpf.c. */
#define LB_TYPED
#include "sockops.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("sockops")
int lb_sockops(struct bpf_sock_ops *ops)
{
	return hear_tcp(ops);
}
