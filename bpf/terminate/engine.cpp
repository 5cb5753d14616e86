// SPDX-License-Identifier: Apache-2.0
#include "bpf/terminate/engine.hpp"

#include <netinet/in.h>

namespace reseat::bpf {

void Sweep::done(unsigned& counter) {
    ++counter;
    last_done = std::chrono::steady_clock::now();
}

void Sweep::failed(const std::string& why) {
    ++left;
    again = true;
    if (report.first_failure.empty()) report.first_failure = why;
}

void Ending::ended(const Flow& flow) {
    sweep.done(sweep.report.terminated);
    if (flow.is_udp())
        gone(flow);
    else
        sweep.settled.insert(flow.cookie);  // the programs see its end, and have forgotten it
}

void Ending::gone(const Flow& flow) {
    sweep.settled.insert(flow.cookie);
    settled.push_back(flow);
}

void Ending::stays(const Flow& flow, const std::string& reason) {
    open.push_back(flow);
    if (why.empty()) why = reason;
}

void Ending::clear_index() {
    index.remove(settled);
    settled.clear();
}

bool Ending::is_udp() const {
    return backend.protocol == IPPROTO_UDP;
}

}  // namespace reseat::bpf
