/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The maps that objects share: lb.bpf.c has them, the others get them by their descriptors. */
#ifndef LB_OWNER_MAP_H
#define LB_OWNER_MAP_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "bpf/abi.h"

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct lb_owner);
} lb_owner SEC(".maps");

#endif
