// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/show/explain/facts.hpp"
#include "proxy/show/explain/page.hpp"

namespace reseat::proxy {

/// What the workload connects to, which backends serve it and why, which do not, why and since when,
/// how one is selected, what became of sockets, which wait or are stuck, what happens next, and what to do.
std::string explain_text(const Facts& facts, SystemTime now, std::size_t width, bool colours);

/// Its parts, each a section or nothing.
void explain_backends(Page& page, const Facts& facts, SystemTime now);
/// Where its backends come from, if sources name them.
void explain_sources(Page& page, const Facts& facts, SystemTime now);
void explain_choice(Page& page, const Facts& facts);
void explain_sockets(Page& page, const Facts& facts, SystemTime now);
void explain_rules(Page& page, const Facts& facts);
void explain_advice(Page& page, const Facts& facts);

}  // namespace reseat::proxy
