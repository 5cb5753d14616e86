// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"
#include "proxy/show/explain/explain.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace reseat::proxy {
namespace {

/// "3 ready, 1 leaving"
std::string counts(const ReferenceView& source) {
    std::vector<std::string> parts;
    const auto add = [&](std::uint64_t count, std::string_view word) {
        if (count) parts.push_back(fmt::format("{} {}", count, word));
    };
    add(source.ready, "ready");
    add(source.leaving, "leaving");
    add(source.unready, "unready");
    add(source.held, "held");
    return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

void explain_sources(Page& page, const Facts& facts, SystemTime now) {
    const auto& sources = facts.service.sources;
    if (sources.empty()) return;
    page.heading("Where its backends come from");
    for (const ReferenceView& source : sources) {
        std::string line = fmt::format("{}: {}", source.source, counts(source));
        if (source.confirmed_at)
            line += fmt::format(", confirmed {} ago",
                                human(std::chrono::duration_cast<Duration>(now - *source.confirmed_at)));
        page.paragraph(line + ".");
        if (source.from_before)
            page.paragraph("It has not answered yet: this is what the previous process knew.", 4);
        if (source.error)
            page.paragraph(*source.error + (source.stale ? "; what it said last stays in use." : "."), 4);
        if (source.left_out)
            page.paragraph(fmt::format("{} cannot be used: {}.", counted(source.left_out, "endpoint"),
                                       source.why_left_out.value_or("")),
                           4);
        if (source.disagreements)
            page.paragraph(fmt::format("It calls {} ready that failed their checks for 5 min.",
                                       counted(source.disagreements, "endpoint")),
                           4);
        if (!source.held) continue;
        page.paragraph(
            "It lost the held ones at once, unannounced, and they still answer: they serve for a while. If "
            "that was "
            "meant:",
            4);
        page.command("reseat accept " + facts.service.name);
    }
}

}  // namespace reseat::proxy
