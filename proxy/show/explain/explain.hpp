// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/show/explain/facts.hpp"
#include "proxy/show/explain/page.hpp"

namespace reseat::proxy {

/// For a stranger at night: what the workload dials, who serves it and why, who does not, why and since when,
/// how one is chosen, what became of sockets, who waits or is stuck, what will happen, and what to do.
std::string explain_text(const Facts& facts, SystemTime now, std::size_t width, bool colours);

/// Its parts, each a section or nothing.
void explain_backends(Page& page, const Facts& facts, SystemTime now);
void explain_choice(Page& page, const Facts& facts);
void explain_sockets(Page& page, const Facts& facts, SystemTime now);
void explain_rules(Page& page, const Facts& facts);
void explain_advice(Page& page, const Facts& facts);

}  // namespace reseat::proxy
