// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/health/probe/connection.hpp"

namespace reseat::lb {

/// Judges what comes over `connection` as the answer to the request of `check`: the status, and where
/// `check.expect_body` is given whether the first 64 KiB of the body contain it; without it the body is not
/// read. A header of more than 8 KiB is a bad answer, and so is what has not decided within 256 KiB, which
/// chunks and their extensions may take. Throws operation_aborted when cancelled. Both must outlive the call.
Task<ProbeResult> read_http_answer(const HttpCheck& check, Connection& connection);

}  // namespace reseat::lb
