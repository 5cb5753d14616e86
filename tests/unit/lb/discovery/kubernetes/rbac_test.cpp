// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/rbac.hpp"

#include "tests/support/catch.hpp"

using namespace reseat;
using namespace reseat::lb;

TEST_CASE("a Role and a RoleBinding for each namespace, and nothing where none is needed", "[rbac]") {
    CHECK(kubernetes::rbac({Service{}}).empty());
    Service web{.name = "web"};
    for (const auto* place : {"shop", "db", "db"})
        web.sourced_backends.push_back(
            {.ref = {.kind = SourceKind::kubernetes, .name_space = place, .service = "x"}});
    web.sourced_backends.push_back({.ref = {.kind = SourceKind::file, .path = "/a"}});
    CHECK(kubernetes::namespaces_of({web}) == std::vector<std::string>{"db", "shop"});
    const std::string text = kubernetes::rbac({web});
    CHECK(text.find("resources: [endpointslices]\n    verbs: [list, watch]") != std::string::npos);
    CHECK(text.find("namespace: shop") != std::string::npos);
    CHECK(text.find("secrets") == std::string::npos);
}
