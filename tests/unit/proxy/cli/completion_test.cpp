// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/completion.hpp"

#include "proxy/cli/command_line.hpp"
#include "tests/support/catch.hpp"

#include <CLI/CLI.hpp>

using namespace reseat;
using namespace reseat::proxy;
using Words = std::vector<std::string>;

namespace {

/// Of an instance with two services; whoever asks for its names is counted.
struct Completer {
    int asked = 0;

    Words operator()(const Words& words) {
        Options unused;
        const auto line = command_line(unused, "");
        const auto told = [this](Words names) {
            return [this, names] {
                ++asked;
                return names;
            };
        };
        return completions(*line, words,
                           {.instances = told({"default", "exec-7"}),
                            .services = told({"postgres", "dns"}),
                            .backends = told({"postgres/pg-1", "postgres/pg-2", "dns/127.0.0.1:53"})});
    }
};

}  // namespace

TEST_CASE("commands are completed, but not those that nobody types", "[completion]") {
    Completer complete;
    CHECK(complete({"dra"}) == Words{"drain"});
    CHECK(complete({"ex"}) == Words{"exec", "explain"});
    const auto all = complete({""});
    CHECK(std::ranges::find(all, "status") != all.end());
    CHECK(std::ranges::find(all, "complete") == all.end());
    CHECK(complete({"nosuch", ""}).empty());
    CHECK(complete.asked == 0);
}

TEST_CASE("flags and the words that they take are completed", "[completion]") {
    Completer complete;
    CHECK(complete({"events", "--fo"}) == Words{"--follow"});
    CHECK(complete({"status", "-o", ""}) == Words{"table", "json"});
    CHECK(complete({"status", "--output", "j"}) == Words{"json"});
    CHECK(complete({"status", "--output=j"}) == Words{"--output=json"});
    CHECK(complete({"run", "--log-level", "w"}) == Words{"warn"});
    CHECK(complete({"status", "--instance", "d"}) == Words{"default"});
    CHECK(complete({"run", "--config", "re"}) == Words{kFiles});
    CHECK(complete({"run", "--config=re"}) == Words{kFiles});
    CHECK(complete({"validate", ""}) == Words{kFiles});
    CHECK(complete({"detach", "--pin", ""}) == Words{kDirectories});
    CHECK(complete({"drain", "--timeout", ""}).empty());
}

TEST_CASE("services and backends are completed with what runs", "[completion]") {
    Completer complete;
    CHECK(complete({"explain", "p"}) == Words{"postgres"});
    CHECK(complete({"drain", "p"}) == Words{"postgres/"});
    CHECK(complete({"drain", "postgres/"}) == Words{"postgres/pg-1", "postgres/pg-2"});
    CHECK(complete({"drain", "--wait", "dns/127.0.0.1:"}) == Words{"dns/127.0.0.1:53"});
    CHECK(complete({"sockets", "d"}) == Words{"dns"});
    CHECK(complete({"sockets", "-o", "json", "dns/"}) == Words{"dns/127.0.0.1:53"});
    CHECK(complete({"weight", "dns/127.0.0.1:53", ""}).empty());
}

TEST_CASE("what exec runs is completed by the shell", "[completion]") {
    Completer complete;
    CHECK(complete({"exec", "--config", "f", "--", ""}) == Words{kCommands});
    CHECK(complete({"exec", "--config", "f", "ps"}) == Words{kCommands});
    CHECK(complete({"exec", "--config", "f", "--", "psql", "-"}) == Words{kFiles});
    CHECK(complete({"exec", "--all"}) == Words{"--allow-exec"});
}
