// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "lb/discovery/memberships.hpp"
#include "proxy/discovery/source.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace reseat::proxy {

/// All sources other than DNS that a configuration needs, each heard once, however many services use it; what
/// they say becomes memberships. All on one thread.
class Sources {
public:
    /// `changed`: step() has something to do.
    Sources(asio::any_io_executor executor, lb::SocketPreparer prepare, lb::Failing failing,
            lb::EventSink tell, std::function<void()> changed);
    ~Sources();

    /// Commands may run, prepared so.
    void allow_commands(lb::SessionPreparer prepare) { means_.prepare_session = std::move(prepare); }
    /// Before the first follow(): how Kubernetes is reached.
    void configure(const lb::KubernetesAccess& access, std::string advice);

    /// What a previous process knew.
    void inherit(std::vector<lb::Remembered> known) { memberships_.inherit(std::move(known)); }
    /// These services' sources are heard, and no others.
    void follow(const std::vector<lb::Service>& services);
    /// These too, until the next follow().
    void want(const std::vector<lb::Service>& services);
    /// Each source of these services has said something, or is known from before.
    bool answered(const std::vector<lb::Service>& services) const;
    /// The sources that have not, for people.
    std::vector<std::string> unanswered(const std::vector<lb::Service>& services) const;

    /// Brings memberships up to date and tells what is new. True: expand() may give something else.
    bool step(TimePoint now);
    std::optional<TimePoint> next() const;

    std::vector<lb::SourceView> view(const std::vector<lb::Service>& services) const;
    std::vector<lb::SourceRecord> records() const;
    std::vector<lb::Remembered> remember() const { return memberships_.remember(); }
    std::size_t accept(const std::string& service);
    /// All sources, or the one of this name, are asked anew. False: there is none.
    bool resync(const std::optional<std::string>& name);

private:
    struct Running {
        std::shared_ptr<Source> source;  ///< its coroutine's too
        std::set<lb::SourceRef> refs;
        Spawned task;
    };

    void start(const lb::SourceRef& ref);
    template <class Which>
    void end(Which which);
    void on_change(const std::string& key);

    SourceMeans means_;
    asio::thread_pool aside_{1};  ///< reads files, and parses what is long
    lb::Failing failing_;
    lb::EventSink tell_;
    std::function<void()> changed_;
    lb::Memberships memberships_;
    std::map<std::string, Running> running_;
    std::vector<lb::Service> followed_;
    std::vector<lb::SourceView> applied_;  ///< as of the last step
};

}  // namespace reseat::proxy
