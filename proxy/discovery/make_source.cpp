// SPDX-License-Identifier: Apache-2.0
#include "proxy/discovery/make_source.hpp"

#include "proxy/discovery/command_source.hpp"
#include "proxy/discovery/file_source.hpp"
#include "proxy/discovery/kubernetes/kubernetes_source.hpp"
#include "proxy/discovery/stream_source.hpp"

namespace reseat::proxy {

std::unique_ptr<Source> make_source(const lb::SourceRef& ref, const SourceMeans& means, std::string position,
                                    Source::Changed changed) {
    switch (ref.kind) {
        case lb::SourceKind::file:
            return std::make_unique<FileSource>(ref, means, std::move(changed));
        case lb::SourceKind::command:
            return std::make_unique<CommandSource>(ref, means, std::move(changed));
        case lb::SourceKind::stream:
            return std::make_unique<StreamSource>(ref, means, std::move(changed));
        case lb::SourceKind::kubernetes:
            return std::make_unique<KubernetesSource>(ref, means, std::move(position), std::move(changed));
    }
    return nullptr;
}

}  // namespace reseat::proxy
