// SPDX-License-Identifier: Apache-2.0
#include "base/printable.hpp"
#include "lb/discovery/kubernetes/list_watch.hpp"
#include "tests/fuzz/targets.hpp"

namespace reseat::fuzz {
namespace {

using namespace lb::kubernetes;

void check(const Slice& slice) {
    require(!slice.name.empty() && printable(slice.name) == slice.name);
    require(printable(slice.service) == slice.service && printable(slice.why_left_out) == slice.why_left_out);
    for (const auto& one : slice.endpoints)
        require(printable(one.pod) == one.pod && printable(one.uid) == one.uid &&
                printable(one.node) == one.node);
    for (const auto& port : slice.ports) require(port.number != 0 && printable(port.name) == port.name);
}

}  // namespace

void slice_event(Bytes input) {
    const std::string_view text = text_of(input);
    if (const auto event = read_watch_event(text); event && !event->slice.name.empty()) check(event->slice);
    const auto list = read_slice_list(text);
    if (list)
        for (const Slice& slice : list->slices) check(slice);

    ListWatch watch({.name_space = "shop", .services = {"web"}}, "", TimePoint{}, 0);
    watch.take_request(TimePoint{}, 0);
    watch.on_head({.status = 200});
    watch.on_list(list, TimePoint{});
    watch.on_end("", lb::SourceRecord::Fault::connect, TimePoint{}, 0);
    watch.take_request(TimePoint{}, 0);
    watch.on_head({.status = 200});
    std::set<std::string> changed;
    watch.on_line(text, changed);
    watch.on_refusal(text);
    watch.on_end("", lb::SourceRecord::Fault::connect, TimePoint{}, 0);
    require(watch.due() >= TimePoint{} && watch.due() <= TimePoint{} + std::chrono::minutes(1));
    const auto said = watch.store().assignment("web", "", Protocol::tcp);
    require(said.endpoints.size() <= lb::kMaxSourcedEndpoints);
}

}  // namespace reseat::fuzz
