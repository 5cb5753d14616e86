// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/wake_up.hpp"
#include "lb/discovery/kubernetes/list_watch.hpp"
#include "proxy/discovery/http_get.hpp"
#include "proxy/discovery/source.hpp"

#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace reseat::proxy {

/// Where the files of a pod's service account are.
inline constexpr const char* kServiceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

/// `access` with what the pod says in place of what is not given: its environment and service account.
struct ApiServer {
    std::vector<Url> servers;  ///< never empty
    std::string token_file, ca_file, cert_file, key_file;
    std::string name_space;  ///< of this pod; empty: not known
};
Result<ApiServer> api_server(const lb::KubernetesAccess& access);

/// The EndpointSlices of one namespace, from its API server. What it says of a Service and port is an
/// assignment.
class KubernetesSource final : public Source {
public:
    KubernetesSource(const lb::SourceRef& ref, const SourceMeans& means, std::string position,
                     Changed changed);

    Task<void> run() override;
    void want(const std::set<lb::SourceRef>& refs) override;
    void resync() override;
    lb::Assignment assignment(const lb::SourceRef& ref) const override;

private:
    Task<void> follow();
    Task<void> ask(const lb::kubernetes::ListWatch::Request& request);
    Task<bool> set_up();
    Result<void> read_credentials(bool fresh_token);
    bool on_head(const HttpHead& head, TimePoint now);
    bool on_piece(std::string_view piece);
    Task<void> finish_list();
    void after_request();
    void note(std::set<std::string> changed);

    SourceMeans means_;
    std::string wanted_name_space_;
    std::string position_;
    std::set<std::string> services_;
    std::optional<ApiServer> api_;
    std::size_t server_ = 0;  ///< of api_, the one that is asked
    std::optional<lb::kubernetes::ListWatch> watch_;
    WakeUp wake_up_, abort_;
    std::minstd_rand random_{std::random_device{}()};

    std::string bearer_;  ///< of the token's file; held no longer than it is good for
    TimePoint token_read_at_{};
    std::string certificates_;  ///< what `tls_` was made from
    std::shared_ptr<const lb::TlsContext> tls_;

    lb::kubernetes::ListWatch::Answer answer_ = lb::kubernetes::ListWatch::Answer::refused;
    bool asking_ = false;
    std::string text_;  ///< what is not read of the answer
    bool too_long_ = false;
};

}  // namespace reseat::proxy
