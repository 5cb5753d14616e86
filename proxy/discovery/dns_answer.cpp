// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/dns_answer.hpp"

#include "proxy/discovery/ares.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include <arpa/nameser.h>

namespace reseat::proxy {
namespace {

using Bytes = std::span<const std::uint8_t>;
using Outcome = lb::Found::Outcome;
using lb::Query;

/// A record takes 16 bytes of a message of at most 64 KiB.
constexpr std::size_t kMostRecords = 4096;
constexpr std::uint32_t kMaxTtl = 0x7fffffff;  ///< beyond, it means 0 (RFC 2181)

/// Of all records of the answer, aliases on the way included. c-ares' SRV records have none.
Duration lowest_ttl(Bytes message) {
    ns_msg parsed{};
    if (ns_initparse(message.data(), static_cast<int>(message.size()), &parsed) < 0) return {};
    std::uint32_t lowest = kMaxTtl;
    for (int i = 0; i < ns_msg_count(parsed, ns_s_an); ++i) {
        ns_rr record{};
        if (ns_parserr(&parsed, ns_s_an, i, &record) < 0) return {};
        const std::uint32_t ttl = ns_rr_ttl(record);
        lowest = std::min(lowest, ttl > kMaxTtl ? 0 : ttl);
    }
    return std::chrono::seconds(lowest);
}

int read_a(Bytes message, lb::Found& into) {
    std::array<ares_addrttl, kMostRecords> records;
    int count = kMostRecords;
    const int status =
        ares_parse_a_reply(message.data(), static_cast<int>(message.size()), nullptr, records.data(), &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
        std::array<std::uint8_t, 4> octets;
        std::memcpy(octets.data(), &records[static_cast<std::size_t>(i)].ipaddr, octets.size());
        into.addresses.push_back(Address::v4(octets));
    }
    return status;
}

int read_aaaa(Bytes message, lb::Found& into) {
    std::array<ares_addr6ttl, kMostRecords> records;
    int count = kMostRecords;
    const int status = ares_parse_aaaa_reply(message.data(), static_cast<int>(message.size()), nullptr,
                                             records.data(), &count);
    for (int i = 0; status == ARES_SUCCESS && i < count; ++i) {
        Address address;
        std::memcpy(address.bytes.data(), &records[static_cast<std::size_t>(i)].ip6addr,
                    address.bytes.size());
        into.addresses.push_back(address);
    }
    return status;
}

int read_srv(Bytes message, lb::Found& into) {
    ares_srv_reply* first = nullptr;
    const int status = ares_parse_srv_reply(message.data(), static_cast<int>(message.size()), &first);
    const std::unique_ptr<ares_srv_reply, void (*)(void*)> owner(first, ares_free_data);
    for (const auto* record = first; record; record = record->next)
        into.srv.push_back({record->priority, record->weight, record->port,
                            std::string(record->host ? record->host : "") + "."});
    return status;
}

int read_records(Query query, Bytes message, lb::Found& into) {
    switch (query) {
        case Query::a:
            return read_a(message, into);
        case Query::aaaa:
            return read_aaaa(message, into);
        case Query::srv:
            return read_srv(message, into);
    }
    return ARES_EFORMERR;
}

std::string_view name_of(Query query) {
    return query == Query::a ? "A" : query == Query::aaaa ? "AAAA" : "SRV";
}

/// What the server said instead of an answer; "": nothing known.
std::string_view complaint(int status) {
    switch (status) {
        case ARES_ESERVFAIL:
            return "failed (SERVFAIL)";
        case ARES_EREFUSED:
            return "refuses the query (REFUSED)";
        case ARES_ENOTIMP:
            return "does not implement the query (NOTIMP)";
        case ARES_EFORMERR:
            return "does not understand the query (FORMERR)";
        case ARES_ECONNREFUSED:
            return "cannot be reached";
        case ARES_EBADRESP:
            return "sent a broken answer";
        default:
            return "";
    }
}

lb::Found without_records(Query query, int status, std::string_view server) {
    if (status == ARES_ENODATA)
        return {.outcome = Outcome::none, .reason = fmt::format("it has no {} record", name_of(query))};
    if (status == ARES_ENOTFOUND)
        return {.outcome = Outcome::none, .no_such_name = true, .reason = "no such name (NXDOMAIN)"};
    if (status == ARES_ETIMEOUT)
        return {.silent = true, .reason = fmt::format("no answer from the name server {}", server)};
    if (const auto said = complaint(status); !said.empty())
        return {.reason = fmt::format("the name server {} {}", server, said)};
    return {.reason = fmt::format("the name server {}: {}", server, ares_strerror(status))};
}

/// c-ares passes messages with a response code that it does not know as if they were valid.
int response_code(Bytes message) {
    return message.size() > 3 ? message[3] & 0x0f : 0;
}

}  // namespace

lb::Found read_answer(Query query, int ares_status, Bytes message, std::string_view server) {
    if (ares_status != ARES_SUCCESS) return without_records(query, ares_status, server);
    if (const int code = response_code(message))
        return {.reason = fmt::format("the name server {} answers with code {}", server, code)};
    lb::Found found{.outcome = Outcome::records};
    const int status = read_records(query, message, found);
    if (status != ARES_SUCCESS) return without_records(query, status, server);
    if (found.addresses.empty() && found.srv.empty()) return without_records(query, ARES_ENODATA, server);
    found.ttl = lowest_ttl(message);
    return found;
}

bool is_truncated(Bytes message) {
    return message.size() > 2 && (message[2] & 0x02);
}

int record_number(Query query) {
    return query == Query::a ? ns_t_a : query == Query::aaaa ? ns_t_aaaa : ns_t_srv;
}

}  // namespace reseat::proxy
