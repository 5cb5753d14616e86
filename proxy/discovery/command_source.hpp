// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "lb/discovery/endpoint_stream.hpp"
#include "proxy/discovery/source.hpp"

namespace reseat::proxy {

/// Endpoints that a command prints: a document each `interval`, or lines for ever where there is none. One
/// that ends, fails or is silent is started again after 1, 2, 4 ... 60 s. Its standard error goes nowhere.
class CommandSource final : public Source {
public:
    CommandSource(const lb::SourceRef& ref, const SourceMeans& means, Changed changed);

    Task<void> run() override;
    void resync() override { again_.notify(); }
    lb::Assignment assignment(const lb::SourceRef&) const override { return with_record(said_); }

private:
    Task<bool> run_once();
    Task<std::string> read_lines(class CommandOutput& output);
    Task<std::string> read_document(class CommandOutput& output);
    void take(std::vector<lb::SourcedEndpoint> endpoints);

    std::vector<std::string> command_;
    Duration interval_;
    lb::SessionPreparer prepare_;
    WakeUp again_;
    lb::EndpointStream stream_;
    lb::Assignment said_;
};

}  // namespace reseat::proxy
