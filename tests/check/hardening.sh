#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The binary is built so that faults are hard to exploit. Needs a built one: run by ctest, not by ./dev check.
[ -n "${RESEAT_BINARY:-}" ] || exit 0
bad=0
expect() {  # WHAT PATTERN TEXT
    grep -qE "$2" <<<"$3" || { echo "$RESEAT_BINARY: $1"; bad=1; }
}
symbols=$(readelf --wide --dyn-syms "$RESEAT_BINARY")
grep -qE '__(asan|tsan)_init' <<<"$symbols" && exit 0
headers=$(readelf --wide --file-header --program-headers --dynamic "$RESEAT_BINARY")
expect "is no position-independent executable" 'Type: +DYN' "$headers"
expect "its relocations stay writable" 'GNU_RELRO' "$headers"
expect "its functions are bound lazily" 'FLAGS.*(BIND_NOW|NOW)' "$headers"
expect "its stack is executable" 'GNU_STACK.* RW +0x' "$headers"
"$RESEAT_BINARY" version | grep -qw Dev && exit $bad  # the rest is what slows an everyday build down
expect "its stack is not protected" '__stack_chk_fail' "$symbols"
expect "its library calls are not checked (_FORTIFY_SOURCE)" '__(memcpy|read|recv|snprintf|vsnprintf|memmove)_chk' "$symbols"
expect "its containers are not checked (_GLIBCXX_ASSERTIONS)" '__glibcxx_assert_fail' "$symbols"
exit $bad
