// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/dns_answer.hpp"

#include "proxy/discovery/ares.hpp"
#include "tests/support/catch.hpp"

#include <string>
#include <string_view>
#include <vector>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::literals;

namespace {

using Outcome = lb::Found::Outcome;
using lb::Query;

std::string number(unsigned bytes, std::uint64_t value) {
    std::string text;
    for (unsigned i = bytes; i-- > 0;) text += static_cast<char>(value >> (8 * i) & 0xff);
    return text;
}

constexpr auto kName = "\1x\4test\0"sv;
constexpr auto kSameName = "\xc0\x0c"sv;
constexpr unsigned kA = 1, kCname = 5, kAaaa = 28, kSrv = 33;

std::string record(std::string_view name, unsigned type, std::uint32_t ttl, std::string_view data) {
    return std::string(name) + number(2, type) + number(2, 1) + number(4, ttl) + number(2, data.size()) +
           std::string(data);
}

/// An answer to the question for x.test.
std::vector<std::uint8_t> message(unsigned type, const std::vector<std::string>& records) {
    std::string text = number(2, 7) + number(2, 0x8180) + number(2, 1) + number(2, records.size()) +
                       number(4, 0) + std::string(kName) + number(2, type) + number(2, 1);
    for (const auto& one : records) text += one;
    return {text.begin(), text.end()};
}

constexpr auto kServer = "10.0.0.53";

lb::Found read(Query query, int status, std::span<const std::uint8_t> message) {
    return read_answer(query, status, message, kServer);
}

std::vector<std::string> texts(const lb::Found& found) {
    std::vector<std::string> all;
    for (const auto& address : found.addresses) all.push_back(to_string(address));
    return all;
}

}  // namespace

TEST_CASE("addresses are read, with the lowest TTL on the way to them", "[discovery]") {
    const auto a = message(
        kA, {record(kSameName, kCname, 5, "\1y\4test\0"sv), record("\1y\4test\0"sv, kA, 60, "\x0a\0\0\1"sv),
             record("\1y\4test\0"sv, kA, 30, "\x0a\0\0\2"sv)});
    const auto found = read(Query::a, ARES_SUCCESS, a);
    CHECK(found.outcome == Outcome::records);
    CHECK(texts(found) == std::vector<std::string>{"10.0.0.1", "10.0.0.2"});
    CHECK(found.ttl == 5s);
    const auto v6 =
        message(kAaaa, {record(kSameName, kAaaa, 0xffffffff, number(8, 0xfd00ull << 48) + number(8, 1))});
    const auto found6 = read(Query::aaaa, ARES_SUCCESS, v6);
    CHECK(texts(found6) == std::vector<std::string>{"fd00::1"});
    CHECK(found6.ttl == 0s);
}

TEST_CASE("SRV records are read, their targets as they are and not in search domains", "[discovery]") {
    const std::string data = number(2, 10) + number(2, 3) + number(2, 5432) + "\2pg\4test\0"s;
    const auto found = read(Query::srv, ARES_SUCCESS, message(kSrv, {record(kSameName, kSrv, 17, data)}));
    CHECK(found.outcome == Outcome::records);
    CHECK(found.srv == std::vector<lb::SrvRecord>{{10, 3, 5432, "pg.test."}});
    CHECK(found.ttl == 17s);
}

TEST_CASE("nothing there is told from nobody there", "[discovery]") {
    const auto told = [](int status) {
        const auto found = read(Query::aaaa, status, {});
        return std::pair(found.outcome, found.reason);
    };
    CHECK(told(ARES_ENOTFOUND) == std::pair(Outcome::none, "no such name (NXDOMAIN)"s));
    CHECK(told(ARES_ENODATA) == std::pair(Outcome::none, "it has no AAAA record"s));
    CHECK(read(Query::a, ARES_ENOTFOUND, {}).no_such_name);
    CHECK_FALSE(read(Query::a, ARES_ENODATA, {}).no_such_name);
    const auto alias = message(kA, {record(kSameName, kCname, 5, "\1y\4test\0"sv)});
    CHECK(read(Query::a, ARES_SUCCESS, alias).outcome == Outcome::none);
}

TEST_CASE("each failure is told as what it is, and whose it is", "[discovery]") {
    for (const auto& [status, reason] : std::vector<std::pair<int, std::string>>{
             {ARES_ESERVFAIL, "the name server 10.0.0.53 failed (SERVFAIL)"},
             {ARES_EREFUSED, "the name server 10.0.0.53 refuses the query (REFUSED)"},
             {ARES_ENOTIMP, "the name server 10.0.0.53 does not implement the query (NOTIMP)"},
             {ARES_EFORMERR, "the name server 10.0.0.53 does not understand the query (FORMERR)"},
             {ARES_ETIMEOUT, "no answer from the name server 10.0.0.53"},
             {ARES_ECONNREFUSED, "the name server 10.0.0.53 cannot be reached"},
             {ARES_EBADRESP, "the name server 10.0.0.53 sent a broken answer"}}) {
        const auto found = read(Query::a, status, {});
        CHECK(found.outcome == Outcome::failed);
        CHECK(found.reason == reason);
        CHECK(found.silent == (status == ARES_ETIMEOUT));
    }
    for (const int status : {ARES_ENOMEM, ARES_EBADNAME})
        CHECK(read(Query::a, status, {}).reason.starts_with("the name server 10.0.0.53: "));
    auto answer = message(kA, {});
    answer[3] |= 9;  // NOTAUTH, of which c-ares knows nothing
    CHECK(read(Query::a, ARES_SUCCESS, answer).reason == "the name server 10.0.0.53 answers with code 9");
}

TEST_CASE("an answer that did not fit is told from one that did", "[discovery]") {
    auto answer = message(kA, {});
    CHECK_FALSE(is_truncated(answer));
    answer[2] |= 2;
    CHECK(is_truncated(answer));
    CHECK_FALSE(is_truncated({}));
}

TEST_CASE("a broken message is a failure", "[discovery]") {
    auto a = message(kA, {record(kSameName, kA, 60, "\x0a\0\0\1"sv)});
    for (std::size_t length = 0; length < a.size(); ++length)
        CHECK(read(Query::a, ARES_SUCCESS, std::span(a).first(length)).outcome == Outcome::failed);
}

TEST_CASE("the largest message there can be is read", "[discovery]") {
    const auto found =
        read(Query::a, ARES_SUCCESS,
             message(kA, std::vector<std::string>(4000, record(kSameName, kA, 1, "\x0a\0\0\1"sv))));
    CHECK(found.addresses.size() == 4000);
}
