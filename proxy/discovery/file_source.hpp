// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "proxy/discovery/source.hpp"

namespace reseat::proxy {

/// Endpoints in a file (config/endpoint_file.hpp), read again when it changes. A file that is missing or
/// faulty changes nothing.
class FileSource final : public Source {
public:
    FileSource(const lb::SourceRef& ref, const SourceMeans& means, Changed changed);

    Task<void> run() override;
    void resync() override { look_.notify(); }
    lb::Assignment assignment(const lb::SourceRef&) const override { return with_record(said_); }

private:
    Task<void> look();
    Task<void> watch();

    std::string path_;
    asio::thread_pool& aside_;
    WakeUp look_;
    lb::Assignment said_;
};

}  // namespace reseat::proxy
