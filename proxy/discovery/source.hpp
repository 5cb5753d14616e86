// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/task.hpp"
#include "lb/discovery/assignment.hpp"
#include "lb/discovery/source_record.hpp"
#include "lb/health/probe/probe.hpp"

#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <memory>
#include <set>
#include <string>

namespace reseat::proxy {

/// What sources need of the process.
struct SourceMeans {
    asio::any_io_executor executor;
    lb::SocketPreparer prepare;           ///< gets each socket before it connects
    lb::SessionPreparer prepare_session;  ///< of commands; none: they are not allowed
    lb::KubernetesAccess kubernetes;
    std::string advice = "apply what \"reseat rbac FILE\" prints";
    asio::thread_pool* aside = nullptr;  ///< for what takes long or blocks on the disk
};

/// One source of backends, heard for ever. It keeps what it heard last, whatever happens to it. All on one
/// thread.
class Source {
public:
    using Changed = std::function<void()>;

    /// `changed` is called when assignment() or record() may say something else.
    Source(std::string name, lb::SourceKind kind, Changed changed)
        : record_(std::move(name), kind, std::chrono::system_clock::now()), changed_(std::move(changed)) {}
    virtual ~Source() = default;

    /// Hears it for ever. Ends by cancellation.
    virtual Task<void> run() = 0;
    /// These references are wanted of it.
    virtual void want(const std::set<lb::SourceRef>& refs) { record_.set_refs(refs.size()); }
    /// All that it says is asked for anew, now.
    virtual void resync() = 0;
    /// What is known; `stale` and `error` are the record's where the assignment has no error of its own.
    virtual lb::Assignment assignment(const lb::SourceRef& ref) const = 0;

    /// Nobody listens any more: its coroutine may outlive its owner by a turn of the loop.
    void detach() {
        changed_ = [] {};
    }

    lb::SourceRecord& record() { return record_; }
    const lb::SourceRecord& record() const { return record_; }

protected:
    void heard(bool changed);
    void failed(lb::SourceRecord::Fault fault, std::string why);
    /// `said` with what the record adds.
    lb::Assignment with_record(lb::Assignment said) const;
    void tell() { changed_(); }

    lb::SourceRecord record_;

private:
    Changed changed_;
};

/// References with the same key are heard by one source.
std::string source_key(const lb::SourceRef& ref);

}  // namespace reseat::proxy
