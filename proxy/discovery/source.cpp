// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/source.hpp"

namespace reseat::proxy {

using std::chrono::steady_clock;
using std::chrono::system_clock;

void Source::heard(bool changed) {
    const bool was_synced = record_.state() == lb::SourceRecord::State::synced;
    record_.on_heard(system_clock::now());
    if (changed) record_.on_change(system_clock::now());
    if (changed || !was_synced) changed_();
}

void Source::failed(lb::SourceRecord::Fault fault, std::string why) {
    record_.on_fault(fault, std::move(why), steady_clock::now(), system_clock::now());
    changed_();
}

lb::Assignment Source::with_record(lb::Assignment said) const {
    said.stale = record_.is_stale();
    if (said.error.empty()) said.error = record_.error();
    said.confirmed_at = record_.heard_at();
    return said;
}

std::string source_key(const lb::SourceRef& ref) {
    return ref.kind == lb::SourceKind::kubernetes ? "kubernetes " + ref.name_space : to_string(ref);
}

}  // namespace reseat::proxy
