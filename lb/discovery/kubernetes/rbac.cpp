// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/kubernetes/rbac.hpp"

#include <fmt/format.h>

#include <set>

namespace reseat::lb::kubernetes {

std::vector<std::string> namespaces_of(const std::vector<Service>& services) {
    std::set<std::string> all;
    for (const Service& service : services)
        for (const SourcedBackends& entry : service.sourced_backends)
            if (entry.ref.kind == SourceKind::kubernetes) all.insert(entry.ref.name_space);
    return {all.begin(), all.end()};
}

std::string rbac(const std::vector<Service>& services) {
    std::string text;
    for (const std::string& name : namespaces_of(services)) {
        const std::string place = name.empty() ? "default  # the namespace of the workload" : name;
        if (!text.empty()) text += "---\n";
        text += fmt::format(
            "apiVersion: rbac.authorization.k8s.io/v1\n"
            "kind: Role\n"
            "metadata:\n"
            "  name: reseat-endpoints\n"
            "  namespace: {0}\n"
            "rules:\n"
            "  - apiGroups: [discovery.k8s.io]\n"
            "    resources: [endpointslices]\n"
            "    verbs: [list, watch]\n"
            "---\n"
            "apiVersion: rbac.authorization.k8s.io/v1\n"
            "kind: RoleBinding\n"
            "metadata:\n"
            "  name: reseat-endpoints\n"
            "  namespace: {0}\n"
            "roleRef:\n"
            "  apiGroup: rbac.authorization.k8s.io\n"
            "  kind: Role\n"
            "  name: reseat-endpoints\n"
            "subjects:\n"
            "  - kind: ServiceAccount\n"
            "    name: default  # the workload's: spec.serviceAccountName\n"
            "    namespace: {1}  # where the workload runs\n",
            place, name.empty() ? "default" : name);
    }
    return text;
}

}  // namespace reseat::lb::kubernetes
