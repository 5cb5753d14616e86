// SPDX-License-Identifier: Apache-2.0
// One instance per cgroup, foreign programs in the way, and nothing left afterwards.
#include "base/handles.hpp"
#include "tests/kernel/support/victims.hpp"
#include "tests/support/catch.hpp"

#include <bpf/bpf.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include <dirent.h>
#include <fcntl.h>
#include <linux/bpf.h>

using namespace reseat;
using namespace reseat::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::array kHooks = {
    BPF_CGROUP_INET4_CONNECT,     BPF_CGROUP_INET6_CONNECT,     BPF_CGROUP_UDP4_SENDMSG,
    BPF_CGROUP_UDP6_SENDMSG,      BPF_CGROUP_UDP4_RECVMSG,      BPF_CGROUP_UDP6_RECVMSG,
    BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME, BPF_CGROUP_SOCK_OPS,
    BPF_CGROUP_INET_SOCK_RELEASE,
};
constexpr std::size_t kPrograms = kHooks.size();

UniqueFd open_cgroup(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

unsigned attached(const std::string& cgroup) {
    const auto directory = open_cgroup(cgroup);
    unsigned sum = 0;
    for (const auto hook : kHooks) {
        __u32 flags = 0, count = 0;
        if (bpf_prog_query(directory.get(), hook, 0, &flags, nullptr, &count) == 0) sum += count;
    }
    return sum;
}

unsigned open_descriptors() {
    unsigned count = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

/// Those that a command that we start would inherit.
std::vector<std::string> inherited_descriptors() {
    std::vector<std::string> inherited;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
        const int flags = ::fcntl(std::stoi(entry.path().filename()), F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC)) inherited.push_back(entry.path().filename());
    }
    return inherited;
}

/// "return 1", attached to connect4 of `cgroup` the way it was done before there were links.
class ForeignProgram {
public:
    ForeignProgram(const std::string& cgroup, unsigned flags) : directory_(open_cgroup(cgroup)) {
        const std::array<bpf_insn, 2> pass = {
            bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 1},
            bpf_insn{.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
        bpf_prog_load_opts how{};
        how.sz = sizeof how;
        how.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
        program_ = UniqueFd(
            bpf_prog_load(BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "foreign", "GPL", pass.data(), pass.size(), &how));
        if (!program_ || bpf_prog_attach(program_.get(), directory_.get(), BPF_CGROUP_INET4_CONNECT, flags))
            throw std::system_error(errno, std::generic_category(), "attach a foreign program");
    }
    ~ForeignProgram() { bpf_prog_detach2(program_.get(), directory_.get(), BPF_CGROUP_INET4_CONNECT); }

private:
    UniqueFd directory_;
    UniqueFd program_;
};

/// A cgroup below another, removed at the end.
struct ChildCgroup {
    explicit ChildCgroup(const std::string& parent) : path(parent + "/child") { fs::create_directory(path); }
    ~ChildCgroup() { remove_cgroup(path); }
    std::string path;
};

/// The message with which attaching fails; empty when it works.
std::string refusal(const std::string& cgroup) {
    asio::io_context io;
    const auto plane = bpf::KernelDataPlane::attach(io.get_executor(), cgroup);
    return plane ? "" : plane.error().message;
}

}  // namespace

TEST_CASE("a second instance on the same cgroup, above or below is refused; elsewhere it works [E24]",
          "[kernel][attach]") {
    const TestCgroup outer("attach-outer"), other("attach-other");
    const ChildCgroup inner(outer.path());
    const std::string remedy = "; stop it first, or choose another cgroup";
    asio::io_context io;
    auto first = bpf::KernelDataPlane::attach(io.get_executor(), outer.path());
    REQUIRE(first.has_value());
    const unsigned before = attached(outer.path());
    CHECK(before == kPrograms);
    CHECK(refusal(outer.path()) ==
          "another reseat is attached to " + outer.path() + " or a cgroup below it" + remedy);
    CHECK(refusal(inner.path) ==
          "another reseat is attached to a cgroup above " + inner.path + ", which covers this one" + remedy);
    CHECK(refusal(other.path()) == "");
    CHECK(attached(outer.path()) == before);
    CHECK(attached(inner.path) == 0);

    first.value().reset();
    auto below = bpf::KernelDataPlane::attach(io.get_executor(), inner.path);
    REQUIRE(below.has_value());
    CHECK(refusal(outer.path()) ==
          "another reseat is attached to " + outer.path() + " or a cgroup below it" + remedy);
}

TEST_CASE("the cgroup may be named with a slash at the end or by detours", "[kernel][attach]") {
    const TestCgroup cgroup("attach-name");
    CHECK(refusal(cgroup.path() + "/") == "");
    CHECK(refusal(cgroup.path() + "/../" + fs::path(cgroup.path()).filename().string()) == "");
    CHECK_THAT(refusal(cgroup.path() + "/missing"), Catch::Contains("No such file or directory"));
    CHECK_THAT(refusal("/proc"), Catch::Contains("cgroup2"));
}

TEST_CASE("a program attached the old, exclusive way is in the way: refused, and it says so [E54]",
          "[kernel][attach]") {
    const TestCgroup outer("attach-exclusive");
    const ChildCgroup inner(outer.path());
    {
        const ForeignProgram foreign(outer.path(), 0);
        for (const auto& [path, where] :
             {std::pair{inner.path, "a cgroup above this one"}, std::pair{outer.path(), "this cgroup"}}) {
            const auto message = refusal(path);
            CHECK_THAT(message, Catch::Contains(std::string(where) + " has a program at the hook"));
            CHECK_THAT(message, Catch::Contains("exclusively") && Catch::Contains("ALLOW_MULTI") &&
                                    Catch::Contains(path));
        }
        CHECK(attached(inner.path) == 0);
    }
    CHECK(refusal(inner.path) == "");
}

TEST_CASE("a program attached with ALLOW_OVERRIDE would be replaced silently: refused [E54]",
          "[kernel][attach]") {
    const TestCgroup outer("attach-override");
    const ChildCgroup inner(outer.path());
    const ForeignProgram foreign(outer.path(), BPF_F_ALLOW_OVERRIDE);
    CHECK_THAT(refusal(inner.path), Catch::Contains("a cgroup above this one") &&
                                        Catch::Contains("ALLOW_OVERRIDE") &&
                                        Catch::Contains("reseat's would silently replace"));
    CHECK(attached(inner.path) == 0);
    CHECK(attached(outer.path()) == 1);
}

TEST_CASE("a program attached with ALLOW_MULTI is no trouble [E54]", "[kernel][attach]") {
    const TestCgroup outer("attach-multi");
    const ChildCgroup inner(outer.path());
    const ForeignProgram foreign(outer.path(), BPF_F_ALLOW_MULTI);
    CHECK(refusal(inner.path) == "");
    CHECK(refusal(outer.path()) == "");
}

TEST_CASE("nothing is left when the data plane is destroyed: no program, no descriptor, no lock",
          "[kernel][attach]") {
    Sandbox box("leaves-nothing");
    auto& a = box.host("a");
    auto use = [&] {
        TestPlane plane(box, {service(kVip, {a.endpoint(), box.host("b").endpoint()}),
                              udp_service(kVip, {a.endpoint(), box.host("b").endpoint()})});
        Client tcp = landing_on(box, "a", kVip);
        Client udp = landing_on(box, "a", kVip, Protocol::udp);
        CHECK(attached(box.cgroup().path()) == kPrograms);
        CHECK(plane.condemn(a).matched == 2);
    };
    use();  // what is made once and kept: threads' event descriptors and the like
    const unsigned before = open_descriptors();
    for (int round = 0; round < 3; ++round) use();
    CHECK(open_descriptors() == before);
    CHECK(attached(box.cgroup().path()) == 0);
    CHECK(box.client().connect(kVip, 100ms) != 0);
}

TEST_CASE("a command that is started meanwhile inherits no descriptor of ours", "[kernel][attach]") {
    const auto before = inherited_descriptors();
    Sandbox box("inherits", {"a"});
    TestPlane plane(box, {service(kVip, {box.host("a").endpoint()})});
    plane.pump_until([] { return false; }, 20ms);  // the background work has begun
    CHECK(inherited_descriptors() == before);
}

TEST_CASE("sockets connected through us live on when the data plane is gone, and name their backend",
          "[kernel][attach]") {
    Sandbox box("outlives", {"a"});
    auto& a = box.host("a");
    Client tcp = box.client();
    {
        TestPlane plane(box, {service(kVip, {a.endpoint()})});
        REQUIRE(tcp.connect(kVip) == 0);
        CHECK(tcp.peer() == kVip);
    }
    CHECK(tcp.echo("still here") == "a");
    CHECK(tcp.peer() == a.endpoint());
}
