#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bytes are swapped in one BPF header and one C++ file of the data path only.
hits=$(git grep -nE '\b(bpf_)?(hton|ntoh)[sl]\b' -- bpf ':!bpf/prog/address.h' ':!bpf/maps/byte_order.cpp') || exit 0
printf '%s\n' "$hits"
echo "swap bytes in bpf/prog/address.h or bpf/maps/byte_order.cpp"
exit 1
