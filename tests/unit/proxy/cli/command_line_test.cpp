// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/command_line.hpp"

#include "base/text.hpp"
#include "proxy/cli/commands/command.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>

using namespace reseat;
using namespace reseat::proxy;
using namespace std::chrono_literals;

namespace {

Options parsed(std::vector<std::string> arguments) {
    auto outcome = parse_options(std::move(arguments));
    if (const auto* ended = std::get_if<Ended>(&outcome)) FAIL(ended->err << ended->out);
    return std::get<Options>(outcome);
}

Ended ended(std::vector<std::string> arguments) {
    auto outcome = parse_options(std::move(arguments));
    REQUIRE(std::holds_alternative<Ended>(outcome));
    return std::get<Ended>(outcome);
}

/// An environment variable for the length of a test.
class Variable {
public:
    Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
    ~Variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

}  // namespace

TEST_CASE("run takes a configuration and a workload", "[options]") {
    const auto options = parsed({"run", "--config", "a.yaml", "--cgroup", "app.slice", "--instance", "one"});
    CHECK(options.command == "run");
    CHECK(options.config == "a.yaml");
    CHECK(options.cgroup == "app.slice");
    CHECK(options.instance == "one");
    CHECK(parsed({"run", "-c", "a.yaml", "--pid", "42"}).pid == 42);
}

TEST_CASE("flags come from the environment too, and the command line wins", "[options]") {
    const Variable config("RESEAT_CONFIG", "env.yaml");
    const Variable output("RESEAT_OUTPUT", "json");
    CHECK(parsed({"run", "--cgroup", "x"}).config == "env.yaml");
    CHECK(parsed({"run", "-c", "flag.yaml"}).config == "flag.yaml");
    CHECK(parsed({"validate"}).config == "env.yaml");
    CHECK(parsed({"doctor"}).output == Output::json);
    CHECK(parsed({"doctor", "-o", "table"}).output == Output::table);
}

TEST_CASE("a variable that only another subcommand takes is not looked at", "[options]") {
    const Variable pid("RESEAT_PID", "not a number");
    CHECK(parsed({"version"}).command == "version");
}

TEST_CASE("of exec, everything after -- is the command, whatever it looks like", "[options]") {
    const auto options =
        parsed({"exec", "--config", "a.yaml", "--", "sh", "-c", "echo $0", "--", "[a,b]", "%%", "", "run"});
    CHECK(options.command == "exec");
    CHECK(options.child == std::vector<std::string>{"sh", "-c", "echo $0", "--", "[a,b]", "%%", "", "run"});
}

TEST_CASE("of exec without --, the first word that is no flag starts the command", "[options]") {
    const auto options = parsed({"exec", "-c", "a.yaml", "psql", "-h", "10.96.0.10", "--admin", "x"});
    CHECK(options.child == std::vector<std::string>{"psql", "-h", "10.96.0.10", "--admin", "x"});
    CHECK(options.admin.empty());
    const auto with_mark = parsed({"exec", "-c", "a.yaml", "git", "log", "--", "file"});
    CHECK(with_mark.child == std::vector<std::string>{"git", "log", "--", "file"});
}

TEST_CASE("a mistyped flag of exec is not run as the command, one behind -- is", "[options]") {
    const auto outcome = ended({"exec", "-c", "a.yaml", "--allow-exce", "--", "true"});
    CHECK(outcome.err ==
          "reseat: unexpected argument: --allow-exce; did you mean '--allow-exec'? See reseat exec --help\n");
    CHECK(outcome.status == 125);
    CHECK(ended({"exec", "-c", "a.yaml", "--confg=b.yaml", "true"}).status == 125);
    CHECK(parsed({"exec", "-c", "a.yaml", "--", "-weird"}).child == std::vector<std::string>{"-weird"});
}

TEST_CASE("usage errors of exec end with status 125, which is not the command's", "[options]") {
    const auto arguments =
        GENERATE(std::vector<std::string>{"exec"}, std::vector<std::string>{"exec", "-c", "a"},
                 std::vector<std::string>{"exec", "-c", "a", "--"},
                 std::vector<std::string>{"exec", "-c", "a", "--instance", "../x", "true"});
    CHECK(ended(arguments).status == 125);
}

TEST_CASE("usage errors speak in the words of the help, and point to it", "[options]") {
    const auto said = [](std::vector<std::string> arguments) { return ended(std::move(arguments)).err; };
    CHECK(said({"drain", "web/w2", "--timeout", "2s"}) ==
          "reseat: --timeout requires --wait; see reseat drain --help\n");
    CHECK(said({"validate"}) == "reseat: FILE is required; see reseat validate --help\n");
    CHECK(said({"explain"}) == "reseat: SERVICE is required; see reseat explain --help\n");
    CHECK(said({"drain", "web"}) ==
          "reseat: SERVICE/BACKEND: 'web' does not have this form; see reseat drain --help\n");
    CHECK(said({"weight", "web/w1"}) == "reseat: N is required; see reseat weight --help\n");
    CHECK(said({"status", "--isntance", "x"}) ==
          "reseat: unexpected argument: --isntance; did you mean '--instance'? See reseat status --help\n");
    CHECK(said({"--instance", "x", "status"}) ==
          "reseat: the command comes first, then its flags; see reseat --help\n");
}

TEST_CASE("a word that nobody takes is named before what is missing", "[options]") {
    const auto said = [](std::vector<std::string> arguments) { return ended(std::move(arguments)).err; };
    CHECK(said({"run", "--confg", "F"}) ==
          "reseat: unexpected argument: --confg; did you mean '--config'? See reseat run --help\n");
    CHECK(said({"run", "--confg=F", "--cgroup", "x"}) ==
          "reseat: unexpected argument: --confg=F; did you mean '--config'? See reseat run --help\n");
    CHECK(said({"run", "F"}) ==
          "reseat: unexpected argument: F; did you mean '--config F'? See reseat run --help\n");
    CHECK(said({"run", "--config", "F", "G"}) == "reseat: unexpected argument: G; see reseat run --help\n");
    CHECK(said({"run"}) == "reseat: --config is required; see reseat run --help\n");
    CHECK(said({"exec", "--confg", "F", "--", "true"}) ==
          "reseat: unexpected argument: --confg; did you mean '--config'? See reseat exec --help\n");
    CHECK(said({"exec", "true"}) == "reseat: --config is required; see reseat exec --help\n");
    CHECK(said({"drain", "--wiat"}) ==
          "reseat: unexpected argument: --wiat; did you mean '--wait'? See reseat drain --help\n");
    CHECK(said({"validate", "a.yaml", "b.yaml"}) ==
          "reseat: unexpected argument: b.yaml; see reseat validate --help\n");
}

TEST_CASE("a command that does not exist is told the nearest one that does", "[options]") {
    CHECK(ended({"statsu"}).err ==
          "reseat: no such command: statsu; did you mean 'status'? See reseat --help\n");
    CHECK(ended({"frobnicate"}).err == "reseat: no such command: frobnicate; see reseat --help\n");
    CHECK_THAT(ended({"complte"}).err, !Catch::Contains("complete"));
}

TEST_CASE("usage errors end with status 2 and one line", "[options]") {
    const auto arguments =
        GENERATE(std::vector<std::string>{}, std::vector<std::string>{"rnu"}, std::vector<std::string>{"run"},
                 std::vector<std::string>{"run", "-c", "a", "--pid", "0"},
                 std::vector<std::string>{"run", "-c", "a", "--pid", "1", "--cgroup", "x"},
                 std::vector<std::string>{"run", "-c", "a", "--instance", "../x"},
                 std::vector<std::string>{"run", "-c", "a", "--unknown"},
                 std::vector<std::string>{"version", "-o", "yaml"}, std::vector<std::string>{"validate"});
    const auto outcome = ended(arguments);
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK_THAT(outcome.err, Catch::StartsWith("reseat: "));
    CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
}

TEST_CASE("sockets and terminate take a service and perhaps a backend", "[options]") {
    const auto one = parsed({"terminate", "postgres/[::1]:5432", "--yes"});
    CHECK(one.command == "terminate");
    CHECK(one.service == "postgres");
    CHECK(one.backend == "[::1]:5432");
    CHECK((one.yes && !one.dry_run));
    CHECK(parsed({"terminate", "postgres", "--dry-run"}).backend.empty());
    CHECK(parsed({"terminate", "postgres", "--dry-run"}).dry_run);
    CHECK(parsed({"sockets"}).service.empty());
    for (const std::string wrong : {"", "/", "a/", "/b"}) CHECK(ended({"terminate", wrong}).status == 2);
    CHECK(ended({"terminate"}).status == 2);
}

TEST_CASE("weight takes a backend and a number", "[options]") {
    const auto one = parsed({"weight", "postgres/pg-1", "5"});
    CHECK(one.command == "weight");
    CHECK(one.service == "postgres");
    CHECK(one.backend == "pg-1");
    CHECK(one.weight == 5);
    CHECK(ended({"weight", "postgres/pg-1"}).status == 2);
    CHECK(parsed({"weight", "postgres/pg-1", "256"}).weight == 256);
    CHECK(parsed({"weight", "postgres/pg-1", "010"}).weight == 10);
    for (const std::string wrong : {"257", "-1", "much", "99999999999", "0x5", ""}) {
        const auto outcome = ended({"weight", "postgres/pg-1", wrong});
        CHECK(outcome.status == 2);
        CHECK(outcome.err ==
              "reseat: N: '" + wrong + "' is not a whole number from 0 to 256; see reseat weight --help\n");
    }
}

TEST_CASE("detach takes an instance or a directory", "[options]") {
    CHECK(parsed({"detach", "--instance", "one"}).instance == "one");
    CHECK(parsed({"detach", "--pin", "/sys/fs/bpf/x"}).pin == "/sys/fs/bpf/x");
    CHECK(ended({"detach", "--admin", "/x"}).status == 2);
}

TEST_CASE("the log's level may be given, and not every word is one", "[options]") {
    CHECK(parsed({"run", "-c", "a", "--log-level", "debug"}).log_level == reseat::lb::LogLevel::debug);
    CHECK_FALSE(parsed({"run", "-c", "a"}).log_level);
    CHECK(ended({"run", "-c", "a", "--log-level", "loud"}).status == 2);
    const Variable level("RESEAT_LOG_LEVEL", "error");
    CHECK(parsed({"exec", "-c", "a", "--", "true"}).log_level == reseat::lb::LogLevel::error);
}

TEST_CASE("a state is set on a backend, and may be waited for", "[options]") {
    const std::string command = GENERATE("drain", "ready", "maint");
    const auto one = parsed({command, "postgres/pg-1", "--wait", "--timeout", "1m30s"});
    CHECK(one.command == command);
    CHECK(one.service == "postgres");
    CHECK(one.backend == "pg-1");
    CHECK(one.wait);
    CHECK(one.timeout == 90s);
    CHECK_FALSE(parsed({command, "postgres/pg-1"}).wait);
    for (const std::string wrong : {"postgres", "postgres/", "/pg-1", ""})
        CHECK(ended({command, wrong}).status == 2);
    CHECK(ended({command, "postgres/pg-1", "--timeout", "5m"}).status == 2);  // a wait that is not asked for
    CHECK(ended({command, "postgres/pg-1", "--wait", "--timeout", "5"}).status == 2);
}

TEST_CASE("events are those after a number, a moment or a time ago", "[options]") {
    const auto now = std::chrono::system_clock::now();
    CHECK(parsed({"events", "--since", "17"}).since.id == 17);
    const auto ago = parsed({"events", "--since", "10m"}).since;
    CHECK_FALSE(ago.id);
    CHECK((*ago.at >= now - 10min && *ago.at < now - 9min));
    const auto at = parsed({"events", "--since", "2026-11-22T15:00:00Z"}).since.at;
    CHECK(iso8601(*at) == "2026-11-22T15:00:00.000Z");
    CHECK(parsed({"events", "--since", "2026-11-22T15:00:00.999Z"}).since.at == at);
    CHECK(parsed({"events", "-f", "postgres/pg-1"}).follow);
    CHECK(parsed({"events", "-f", "postgres/pg-1"}).backend == "pg-1");
    for (const std::string wrong : {"yesterday", "2026-11-22", "10x"})
        CHECK(ended({"events", "--since", wrong}).status == 2);
}

TEST_CASE("what shows something can be watched", "[options]") {
    for (const std::string command : {"ls", "status", "backends", "sockets"}) {
        CHECK(parsed({command, "-w"}).watch);
        CHECK_FALSE(parsed({command}).watch);
    }
    CHECK(parsed({"explain", "postgres", "--watch"}).watch);
    CHECK(parsed({"backends", "postgres"}).service == "postgres");
    CHECK(parsed({"status", "postgres"}).service == "postgres");
    CHECK(ended({"backends", "postgres/pg-1"}).status == 2);
    CHECK(ended({"explain"}).status == 2);
}

TEST_CASE("the help of every subcommand has an example, and fits 100 columns", "[options]") {
    for (const Command& command : all_commands()) {
        const std::string name(command.name);
        CAPTURE(name);
        const auto help = ended({name, "--help"});
        CHECK(help.status == 0);
        CHECK_THAT(help.out, Catch::Contains("Example:\n") && Catch::Contains("reseat " + name));
        for (const auto line : split(command.help, '\n')) CHECK(width(line) <= 100);
    }
}

TEST_CASE("help says how a command is written", "[options]") {
    CHECK_THAT(ended({"drain", "--help"}).out,
               Catch::Contains("Usage: reseat drain [OPTIONS] SERVICE/BACKEND\n"));
    CHECK_THAT(ended({"sockets", "--help"}).out,
               Catch::Contains("reseat sockets [OPTIONS] [SERVICE[/BACKEND]]\n"));
    CHECK_THAT(ended({"exec", "--help"}).out, Catch::Contains("reseat exec [OPTIONS] -- CMD [ARG...]\n"));
    CHECK_THAT(ended({"status", "--help"}).out, Catch::Contains("--output table|json (RESEAT_OUTPUT)"));
    CHECK_THAT(ended({"--help"}).out, !Catch::Contains("complete"));
}

TEST_CASE("--help and --version end with status 0", "[options]") {
    CHECK_THAT(ended({"--help"}).out, Catch::Contains("run") && Catch::Contains("Exit status"));
    CHECK_THAT(ended({"--version"}).out, Catch::StartsWith("reseat "));
    CHECK(ended({"--version"}).status == 0);
}

TEST_CASE("an engine can be forced, by flag or environment, and is checked", "[options]") {
    using reseat::bpf::Engine;
    CHECK_FALSE(parsed({"run", "-c", "a.yaml"}).engine);
    CHECK(parsed({"run", "-c", "a.yaml", "--engine", "iterator"}).engine == Engine::iterator);
    const Variable engine("RESEAT_ENGINE", "diag");
    CHECK(parsed({"exec", "-c", "a.yaml", "--", "true"}).engine == Engine::diag);
    CHECK_THAT(ended({"run", "-c", "a.yaml", "--engine", "hammer"}).err,
               Catch::Contains("'hammer' is none of tuple, diag, iterator, descriptor"));
}
