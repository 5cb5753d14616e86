// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/dns_answer.hpp"

#include "base/printable.hpp"
#include "lb/discovery/name_state.hpp"
#include "tests/fuzz/targets.hpp"

namespace reseat::fuzz {
namespace {

bool is_printable(const std::string& name) {
    return printable(name) == name;
}

}  // namespace

void dns_answer(Bytes input) {
    if (input.empty()) return;
    const auto query = static_cast<lb::Query>(input[0] % 3);
    const lb::Found found = proxy::read_answer(query, 0, input.subspan(1), "10.0.0.53");
    require(found.outcome != lb::Found::Outcome::records || !found.addresses.empty() || !found.srv.empty());
    require(found.outcome == lb::Found::Outcome::records || !found.reason.empty());
    require(found.addresses.size() + found.srv.size() <= input.size());
    for (const auto& record : found.srv) require(is_printable(record.target));

    const bool srv = query == lb::Query::srv;
    lb::NameState state{{"x.test", srv ? lb::RecordType::srv : lb::RecordType::address}, TimePoint{}};
    state.ask();
    state.on_answer(query, found, TimePoint{}, {}, 0);
    require(state.addresses().size() <= lb::kMaxNameAddresses && state.srv().size() <= lb::kMaxSrvTargets);
    require(state.next() >= TimePoint{} + lb::kMinTtl * 4 / 5);
}

}  // namespace reseat::fuzz
