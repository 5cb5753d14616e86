// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/dns_answer.hpp"

#include "lb/discovery/name_state.hpp"
#include "lb/printable.hpp"
#include "tests/fuzz/targets.hpp"

namespace reseat::fuzz {
namespace {

bool is_printable(const std::string& name) {
    return lb::printable(name) == name;
}

}  // namespace

void dns_answer(Bytes input) {
    if (input.empty()) return;
    const auto query = static_cast<proxy::Query>(input[0] % 3);
    const lb::Found found = proxy::read_answer(query, 0, input.subspan(1));
    require(found.outcome != lb::Found::Outcome::records || !found.addresses.empty() || !found.srv.empty());
    require(found.outcome == lb::Found::Outcome::records || !found.reason.empty());
    require(found.addresses.size() + found.srv.size() <= input.size());
    require(is_printable(proxy::asked_name(input.subspan(1))));
    for (const auto& record : found.srv) require(is_printable(record.target));

    lb::NameState state{lb::TimePoint{}};
    lb::Answer answer{found};
    if (query != proxy::Query::srv) answer.push_back(found);
    state.asked();
    state.on_answer(std::move(answer), lb::TimePoint{}, {}, 0);
    require(state.addresses().size() <= lb::kMaxNameAddresses && state.srv().size() <= lb::kMaxSrvTargets);
    require(state.next() >= lb::TimePoint{} + lb::kMinTtl * 4 / 5);
}

}  // namespace reseat::fuzz
