// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "config/values.hpp"

#include <string_view>

/// The word for each choice in the file, for reading and for writing it.
namespace reseat::config {

inline constexpr Word<lb::LogLevel> log_levels[] = {{"trace", lb::LogLevel::trace},
                                                    {"debug", lb::LogLevel::debug},
                                                    {"info", lb::LogLevel::info},
                                                    {"warn", lb::LogLevel::warn},
                                                    {"error", lb::LogLevel::error}};
inline constexpr Word<lb::LogFormat> log_formats[] = {{"text", lb::LogFormat::text},
                                                      {"json", lb::LogFormat::json}};
inline constexpr Word<lb::OnExit> on_exits[] = {
    {"auto", lb::OnExit::automatic}, {"detach", lb::OnExit::detach}, {"keep", lb::OnExit::keep}};
inline constexpr Word<lb::Mptcp> mptcps[] = {{"allow", lb::Mptcp::allow}, {"refuse", lb::Mptcp::refuse}};
inline constexpr Word<ServiceProtocol> protocols[] = {
    {"tcp", ServiceProtocol::tcp}, {"udp", ServiceProtocol::udp}, {"any", ServiceProtocol::any}};
inline constexpr Word<lb::LbPolicy> lb_policies[] = {{"round_robin", lb::LbPolicy::round_robin},
                                                     {"random", lb::LbPolicy::random},
                                                     {"least_conn", lb::LbPolicy::least_conn},
                                                     {"maglev", lb::LbPolicy::maglev}};
inline constexpr Word<lb::HashKey> hash_keys[] = {
    {"workload", lb::HashKey::workload}, {"uid", lb::HashKey::uid}, {"process", lb::HashKey::process}};
inline constexpr Word<lb::OnNoHealthy> on_no_healthys[] = {{"fail_open", lb::OnNoHealthy::fail_open},
                                                           {"reject", lb::OnNoHealthy::reject}};
inline constexpr Word<lb::SocketFate> fates[] = {{"keep", lb::SocketFate::keep},
                                                 {"drain", lb::SocketFate::drain},
                                                 {"terminate", lb::SocketFate::terminate}};
inline constexpr Word<lb::SocketFate> restart_fates[] = {{"keep", lb::SocketFate::keep},
                                                         {"terminate", lb::SocketFate::terminate}};
inline constexpr Word<lb::UdpFate> udp_fates[] = {
    {"repoint", lb::UdpFate::repoint}, {"terminate", lb::UdpFate::terminate}, {"keep", lb::UdpFate::keep}};
inline constexpr Word<lb::OnRecover> on_recovers[] = {
    {"keep", lb::OnRecover::keep}, {"terminate_lower_priority", lb::OnRecover::terminate_lower_priority}};
inline constexpr Word<lb::Untracked> untrackeds[] = {{"keep", lb::Untracked::keep},
                                                     {"terminate", lb::Untracked::terminate}};
inline constexpr Word<lb::NameFamily> name_families[] = {
    {"any", lb::NameFamily::any}, {"ipv4", lb::NameFamily::ipv4}, {"ipv6", lb::NameFamily::ipv6}};
inline constexpr Word<lb::OperatorState> states[] = {{"ready", lb::OperatorState::ready},
                                                     {"drain", lb::OperatorState::drain},
                                                     {"maint", lb::OperatorState::maint}};
inline constexpr Word<lb::CheckType> check_types[] = {
    {"tcp", lb::CheckType::tcp}, {"http", lb::CheckType::http}, {"grpc", lb::CheckType::grpc},
    {"udp", lb::CheckType::udp}, {"exec", lb::CheckType::exec}, {"none", lb::CheckType::none}};
inline constexpr Word<lb::Watch> watches[] = {{"auto", lb::Watch::automatic}, {"off", lb::Watch::off}};
inline constexpr Word<lb::PolicyAction> actions[] = {{"deny", lb::PolicyAction::deny},
                                                     {"allow", lb::PolicyAction::allow}};
inline constexpr Word<lb::ExistingSockets> existings[] = {{"terminate", lb::ExistingSockets::terminate},
                                                          {"keep", lb::ExistingSockets::keep}};

/// The word that `words` has for `value`; "" if it has none.
template <class E, std::size_t N>
constexpr std::string_view word_of(const Word<E> (&words)[N], E value) {
    for (const auto& [word, meaning] : words)
        if (meaning == value) return word;
    return "";
}

}  // namespace reseat::config
