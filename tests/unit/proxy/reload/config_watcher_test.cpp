// SPDX-License-Identifier: Apache-2.0
#include "proxy/reload/config_watcher.hpp"

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;
using Verdict = FileJudge::Verdict;
namespace fs = std::filesystem;

namespace {

constexpr PathWatch::News kMoved{.any = true};
constexpr PathWatch::News kWritten{.any = true, .written = true};
constexpr PathWatch::News kWrittenAndClosed{.any = true, .written = true, .closed = true};
constexpr PathWatch::News kClosed{.any = true, .closed = true};

class Directory {
public:
    Directory() {
        std::string name = (fs::temp_directory_path() / "reseat-unit-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = fs::canonical(name);
    }
    ~Directory() { fs::remove_all(path_); }
    fs::path operator/(const char* name) const { return path_ / name; }

private:
    fs::path path_;
};

bool leads_through(const std::vector<Step>& steps, const fs::path& entry) {
    return std::ranges::find(steps, Step{entry.parent_path(), entry.filename()}) != steps.end();
}

}  // namespace

TEST_CASE("a valid file that differs from what is known is taken [E39]", "[reload]") {
    FileJudge judge;
    judge.on_news(kMoved);
    CHECK(judge.on_look("new", true, "old") == Verdict::take);
    CHECK(judge.on_look("new", true, "new") == Verdict::nothing);
}

TEST_CASE("an invalid file is looked at a second time, later, before it is reported [E39]", "[reload]") {
    FileJudge judge;
    judge.on_news(kMoved);
    const auto usual = judge.quiet();
    CHECK(judge.on_look("half", false, "old") == Verdict::look_again);
    CHECK(judge.quiet() > usual);
    CHECK(judge.on_look("half", false, "old") == Verdict::take);
}

TEST_CASE("a file that was half written at the first look is taken whole at the second [E39]", "[reload]") {
    FileJudge judge;
    judge.on_news(kMoved);
    CHECK(judge.on_look("half", false, "old") == Verdict::look_again);
    CHECK(judge.on_look("whole", true, "old") == Verdict::take);
}

TEST_CASE("a file that changes from one invalid content to another is given time again [E39]", "[reload]") {
    FileJudge judge;
    CHECK(judge.on_look("half", false, "old") == Verdict::look_again);
    CHECK(judge.on_look("three quarters", false, "old") == Verdict::look_again);
    CHECK(judge.on_look("half", false, "old") == Verdict::look_again);
    judge.on_news(kMoved);
    CHECK(judge.on_look("half", false, "old") == Verdict::look_again);
}

TEST_CASE("the same fault is reported once [E38]", "[reload]") {
    FileJudge judge;
    CHECK(judge.on_look("bad", false, "bad") == Verdict::nothing);
}

TEST_CASE("a file that somebody has open for writing is given more time, valid or not [E39]", "[reload]") {
    FileJudge judge;
    const auto usual = judge.quiet();
    judge.on_news(kWritten);
    CHECK(judge.quiet() >= 10 * usual);
    judge.on_news(kMoved);
    CHECK(judge.quiet() >= 10 * usual);
    judge.on_news(kClosed);
    CHECK(judge.quiet() == usual);
    judge.on_news(kWrittenAndClosed);
    CHECK(judge.quiet() == usual);
}

TEST_CASE("a writer that never closes is waited for only once", "[reload]") {
    FileJudge judge;
    const auto usual = judge.quiet();
    judge.on_news(kWritten);
    CHECK(judge.on_look("new", true, "old") == Verdict::take);
    CHECK(judge.quiet() == usual);
}

TEST_CASE("the way to a file leads through every link, however it is swapped [E39]", "[reload]") {
    const Directory directory;
    fs::create_directory(directory / "..2026");
    std::ofstream(directory / "..2026/reseat.yaml") << "version: 1\n";
    fs::create_directory_symlink("..2026", directory / "..data");
    fs::create_symlink("..data/reseat.yaml", directory / "reseat.yaml");
    const auto steps = steps_to(directory / "reseat.yaml");
    for (const auto* name : {"reseat.yaml", "..data", "..2026", "..2026/reseat.yaml"})
        CHECK(leads_through(steps, directory / name));
    CHECK(steps.front().directory == "/");
}

TEST_CASE("the way to a file that is gone ends where nothing is, and links in a circle end too", "[reload]") {
    const Directory directory;
    CHECK(steps_to(directory / "a/b/c").back() == Step{(directory / "a").parent_path(), "a"});
    fs::create_symlink("two", directory / "one");
    fs::create_symlink("one", directory / "two");
    CHECK(steps_to(directory / "one").size() < 100);
}

TEST_CASE("settings that only a restart changes are named", "[reload]") {
    lb::Model running, wanted;
    wanted.log_level = lb::LogLevel::debug;
    CHECK(needing_restart(running, wanted).empty());
    wanted.pin = "off";
    wanted.on_exit = lb::OnExit::detach;
    wanted.cgroup = "/sys/fs/cgroup/x";
    wanted.exit_when_idle = 5s;
    wanted.admin_socket = "/x";
    wanted.mptcp = lb::Mptcp::refuse;
    CHECK(needing_restart(running, wanted) ==
          std::vector<std::string>{"workload.cgroup", "workload.exit_when_idle", "admin.socket", "pin",
                                   "on_exit", "mptcp"});
}

TEST_CASE("a reload that the data path refuses changes nothing and says why", "[reload]") {
    auto outcome = config::load_text("version: 1\nservices: []\n", "a.yaml");
    auto other = config::load_text("version: 1\nservices: []\npin: off\n", "a.yaml");
    const std::string first = outcome.loaded->sha256, second = other.loaded->sha256;
    Result<std::vector<std::string>> answer = Error{ErrorCode::failed, "map full"};
    Reloader reloader(*outcome.loaded, config::ExecChecks::refused, [&](const lb::Model&) { return answer; });
    const auto refused = reloader.take(other);
    CHECK((!refused.ok && refused.valid));
    CHECK(refused.summary() == "map full");
    CHECK(reloader.running().sha256 == first);
    CHECK(reloader.known() == second);
    answer = std::vector<std::string>{"web: backend a added"};
    const auto taken = reloader.take(other);
    CHECK(taken.ok);
    CHECK(taken.lines == *answer);
    CHECK(taken.warnings.size() == 2);  // nothing is balanced; pin
    CHECK_THAT(taken.warnings.back(), Catch::Contains("pin: changed in a.yaml"));
    CHECK(reloader.running().sha256 == second);
}

TEST_CASE("an invalid file leaves the running configuration and is told with positions [E38]", "[reload]") {
    auto outcome = config::load_text("version: 1\nservices: []\n", "a.yaml");
    bool applied = false;
    Reloader reloader(*outcome.loaded, config::ExecChecks::refused, [&](const lb::Model&) {
        applied = true;
        return Result<std::vector<std::string>>(std::vector<std::string>{});
    });
    const auto report = reloader.take(config::load_text("version: 2\nservice: []\n", "a.yaml"));
    CHECK((!report.ok && !report.valid && !applied));
    CHECK_THAT(report.lines.front(), Catch::StartsWith("a.yaml:1:1: error: "));
    CHECK_THAT(report.summary(), Catch::EndsWith("more)"));
    CHECK(reloader.running().sha256 == outcome.loaded->sha256);
}
