// SPDX-License-Identifier: Apache-2.0
// The short form of the fuzzers: their seeds, and what a byte changed or cut off makes of them.
#include "bpf/procfs/workload_processes.hpp"
#include "tests/fuzz/targets.hpp"
#include "tests/support/catch.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace reseat;

namespace {

std::vector<std::vector<std::uint8_t>> seeds(const std::string& target) {
    std::vector<std::vector<std::uint8_t>> found;
    for (const auto& entry : std::filesystem::directory_iterator(RESEAT_FUZZ_SEEDS "/" + target)) {
        std::ifstream file(entry.path(), std::ios::binary);
        found.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return found;
}

template <class Target>
void feed(const std::string& name, Target target) {
    const auto all = seeds(name);
    REQUIRE(!all.empty());
    for (auto seed : all) {
        target(seed);
        for (std::size_t i = 0; i < seed.size(); ++i) {
            target(std::span(seed).first(i));
            for (const std::uint8_t flip : {0x01, 0x80, 0xff}) {
                seed[i] ^= flip;
                target(seed);
                seed[i] ^= flip;
            }
        }
    }
}

}  // namespace

TEST_CASE("answers of sock_diag, whole, cut off and damaged, are read without harm [E26]", "[fuzz]") {
    feed("diag_message", fuzz::diag_message);
}

TEST_CASE("answers of name servers, whole, cut off and damaged, are read without harm", "[fuzz][discovery]") {
    feed("dns_answer", fuzz::dns_answer);
}

TEST_CASE("what an API server sends, whole, cut off and damaged, is read without harm", "[fuzz][discovery]") {
    feed("slice_event", fuzz::slice_event);
}

TEST_CASE("documents of endpoints, whole, cut off and damaged, are read without harm", "[fuzz][discovery]") {
    feed("endpoint_document", fuzz::endpoint_document);
}

TEST_CASE("configurations, whole, cut off and damaged, end in a model or in faults [E38]", "[fuzz][config]") {
    feed("configuration", fuzz::configuration);
}

TEST_CASE("what HTTP servers answer a check, whole, cut off and damaged, is judged in bounds [E41]",
          "[fuzz][probe]") {
    feed("http_answer", fuzz::http_answer);
}

TEST_CASE("what gRPC servers answer a check, whole, cut off and damaged, is judged in bounds [E41]",
          "[fuzz][probe][grpc]") {
    feed("grpc_answer", fuzz::grpc_answer);
}

TEST_CASE("an expected text is found in a stream exactly when it is there, however it is cut",
          "[fuzz][probe]") {
    feed("expectation", fuzz::expectation);
}

TEST_CASE("requests to the admin interface, whole, cut off and damaged, are answered or refused",
          "[fuzz][admin]") {
    feed("admin_request", fuzz::admin_request);
}

TEST_CASE("what /proc and the cgroup say, whole, cut off and damaged, is read without harm", "[fuzz]") {
    feed("proc_text", fuzz::proc_text);
    CHECK(bpf::parse_socket_link("socket:[4711]") == 4711);
    CHECK(bpf::parse_socket_link("socket:[4711") == 0);
    CHECK(bpf::parse_socket_link("socket:[99999999999]") == 0);
    CHECK(bpf::parse_socket_link("pipe:[4711]") == 0);
    CHECK(bpf::parse_processes("1\n0\nx\n42\n7") == std::vector<std::uint32_t>{1, 42, 7});
    CHECK(bpf::parse_processes("").empty());
    CHECK(bpf::parse_thread_group("Name:\tx\nTgid:\t4711\nPid:\t4712\n") == 4711);
    CHECK(bpf::parse_thread_group("Name:\tTgid:\t4711\nTgid:\tx\n") == 0);
    CHECK(bpf::parse_thread_group("Tgid") == 0);
    const auto info = bpf::parse_descriptor_info("pos:\t0\nflags:\t02000002\nmnt_id:\t10\nino:\t4711\n");
    CHECK((info.mount == 10 && info.inode == 4711));
    CHECK(bpf::parse_descriptor_info("mnt_id:\t1x\nno ino:\t4711\n").mount == 0);
    CHECK(bpf::parse_descriptor_info("mnt_id:\t1x\nno ino:\t4711\n").inode == 0);
}
