// SPDX-License-Identifier: Apache-2.0
#include "bpf/attach/map_handover.hpp"

#include "lb/select/maglev.hpp"
#include "lb/select/selection_table.hpp"
#include "lb/select/slow_start.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace reseat::bpf {

struct MapHandover::Found {
    OpenMaps maps;  ///< of the last set
    MapSnapshot snapshot;
    std::vector<MappedArray<lb_backend>> elements;  ///< of all sets, the oldest first
};

namespace {

/// With as much room again, where one is too small.
std::uint32_t grown(std::uint32_t has, std::uint32_t needs) {
    return needs <= has ? has : 2 * needs;
}

MapSizes grown(const MapSizes& has, const MapSizes& needs) {
    return {grown(has.services, needs.services), grown(has.addresses, needs.addresses),
            grown(has.backends, needs.backends), grown(has.slots, needs.slots)};
}

MapSizes sizes_of(const KernelOptions& options) {
    return {options.max_services, options.max_services, options.max_backends, options.max_slots};
}

}  // namespace

Result<std::unique_ptr<MapHandover>> MapHandover::start(const std::string& cgroup,
                                                        const KernelOptions& options, GracePeriod& grace,
                                                        const BeforeFirst& before_first) {
    auto attachment = CgroupAttachment::claim(cgroup);
    if (!attachment) return attachment.error();
    std::unique_ptr<MapHandover> all(new MapHandover(grace, std::move(*attachment)));
    Found found;
    if (!options.pin.empty()) {
        auto pins = PinDirectory::open(options.pin);
        if (!pins) return pins.error();
        all->pins_ = std::move(*pins);
        if (auto pinned = all->find_pinned())
            found = std::move(*pinned);
        else
            all->pins_->clear();
    }
    if (auto taken = all->take_over(std::move(found), options, before_first); !taken) return taken.error();
    return all;
}

/// Nothing: there is no whole set, or it is of no use to us, which is said.
std::optional<MapHandover::Found> MapHandover::find_pinned() {
    const auto numbers = pins_->sets();
    auto links = pins_->open_links();
    if (numbers.empty() && links.empty()) return std::nullopt;
    auto useless = [&](const std::string& why) {
        spdlog::warn("removing the pinned state of a previous process in {}: {}", pins_->path(), why);
        return std::nullopt;
    };
    if (numbers.empty() || links.empty()) return useless("it is incomplete");
    Found found{.maps = pins_->open_set(numbers.back()), .snapshot = {}, .elements = {}};
    const auto meta = read_meta(found.maps);
    if (!meta) return useless(meta.error().message);
    if (meta->owner_version != LB_OWNER_VERSION)
        return useless("incompatible socket records (version " + std::to_string(meta->owner_version) +
                       ", this build needs " + std::to_string(LB_OWNER_VERSION) +
                       "): open connections continue but are no longer managed");
    auto snapshot = read_snapshot(found.maps);
    if (!snapshot) return useless(snapshot.error().message);
    found.snapshot = std::move(*snapshot);
    for (const std::uint32_t number : numbers) {
        auto elements = map_backends(pins_->open_set(number));
        if (!elements) return useless(elements.error().message);
        found.elements.push_back(std::move(*elements));
    }
    if (!attachment_.adopt(links))
        return useless("it was attached to another cgroup, or to one that no longer exists");
    number_ = numbers.back();
    return found;
}

Result<void> MapHandover::take_over(Found found, const KernelOptions& options,
                                    const BeforeFirst& before_first) {
    const bool first = found.elements.empty();
    inheritance_ = found.snapshot.inheritance();
    auto programs =
        Programs::load(options, grown(sizes_of(options), found.snapshot.sizes()), std::move(found.maps));
    if (!programs) return programs.error();
    programs_ = std::move(*programs);
    lives_ = std::make_unique<LifeTable>(programs_->set(), grace_);
    if (auto written = lives_->restore(found.snapshot); !written) return written;
    if (auto pinned = pin(programs_->to_be_pinned(programs_->set())); !pinned) return pinned;
    if (first) before_first(programs_);
    if (auto attached = attach(programs_->set()); !attached) return attached;
    for (auto& elements : found.elements) lives_->predecessors().add(std::move(elements));
    fold_after_grace();
    return {};
}

Result<void> MapHandover::publish(const lb::Plan& plan) {
    const MapSizes& has = programs_->set().sizes();
    if (const MapSizes needed = lives_->needed(plan); !needed.fits(has))
        if (auto larger = grow(grown(has, needed)); !larger)
            return larger.error().in("make room for this configuration");
    return lives_->publish(plan);
}

Result<void> MapHandover::take_chunks(std::vector<UniqueFd> chunks) {
    const auto taken = programs_->take_chunks(std::move(chunks));
    if (!taken) return taken.error();
    return pins_ ? pins_->add_to_set(number_, *taken) : Result<void>();
}

Result<void> MapHandover::grow(const MapSizes& sizes) {
    auto next = programs_->load_beside(sizes);
    if (!next) return next.error();
    const OpenMaps maps = programs_->set().all();
    auto snapshot = read_snapshot(maps);
    if (!snapshot) return snapshot.error();
    auto elements = map_backends(maps);
    if (!elements) return elements.error();
    lives_->keep_current(*snapshot);
    auto lives = std::make_unique<LifeTable>(**next, grace_);
    if (auto written = lives->restore(*snapshot); !written) return written;
    if (auto pinned = pin(programs_->to_be_pinned(**next)); !pinned) return pinned;
    if (auto attached = attach(**next); !attached) {
        (void)attach(programs_->set());  // those that were replaced before it failed
        if (pins_) pins_->remove_set(number_--);
        return attached;
    }
    for (auto& older : lives_->predecessors().take()) lives->predecessors().add(std::move(older));
    lives->predecessors().add(std::move(*elements));
    const auto before = programs_->use(std::move(*next));
    lives_ = std::move(lives);
    fold_after_grace();
    return {};
}

Result<void> MapHandover::attach(const MapSet& set) {
    return attachment_.attach(set.attachable(), pins_ ? &*pins_ : nullptr);
}

Result<void> MapHandover::pin(const OpenMaps& maps) {
    if (!pins_) return {};
    if (auto pinned = pins_->pin_set(number_ + 1, maps); !pinned) return pinned;
    ++number_;
    return {};
}

void MapHandover::fold_after_grace() {
    in_use_ = std::make_shared<bool>(true);
    grace_.after(in_use_, [this] {
        lives_->predecessors().fold();
        if (!pins_) return;
        for (const std::uint32_t number : pins_->sets())
            if (number < number_) pins_->remove_set(number);
    });
}

void MapHandover::unpin() {
    if (!pins_) return;
    pins_->remove();
    pins_.reset();
}

}  // namespace reseat::bpf
