// SPDX-License-Identifier: Apache-2.0
#include "lb/discovery/name_state.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace reseat::lb {
namespace {

using Outcome = Found::Outcome;

template <class T>
std::size_t sort_and_limit(std::vector<T>& records, std::size_t limit) {
    std::ranges::sort(records);
    records.erase(std::unique(records.begin(), records.end()), records.end());
    const std::size_t left_out = records.size() - std::min(records.size(), limit);
    records.resize(records.size() - left_out);
    return left_out;
}

/// Some servers answer 0.0.0.0 for names that they block.
template <class T, class Usable>
void leave_out(Found& found, std::vector<T>& records, Usable usable) {
    const auto unusable = std::erase_if(records, [&](const T& record) { return !usable(record); });
    if (!unusable || !found.addresses.empty() || !found.srv.empty()) return;
    found.outcome = Outcome::none;
    found.reason = "no record can be used";
}

void leave_out_unusable(Found& found) {
    leave_out(found, found.addresses,
              [](const Address& address) { return !address.is_unspecified() && !address.is_multicast(); });
    leave_out(found, found.srv,
              [](const SrvRecord& record) { return record.port != 0 && record.target.size() > 1; });
}

}  // namespace

NameState::NameState(const Lookup& lookup, TimePoint now) : next_(now) {
    for (const Query query : queries_of(lookup)) {
        parts_.emplace_back();
        parts_.back().query = query;
    }
}

std::vector<Query> NameState::ask() {
    std::vector<Query> asked;
    for (Part& part : parts_)
        if (!std::exchange(part.in_flight, true)) asked.push_back(part.query);
    heard_ = fruitful_ = failure_counted_ = false;
    return asked;
}

bool NameState::in_flight() const {
    return std::ranges::any_of(parts_, &Part::in_flight);
}

bool NameState::any(Outcome outcome) const {
    return std::ranges::any_of(
        parts_, [&](const Part& part) { return part.answered && part.last.outcome == outcome; });
}

void NameState::hurry(TimePoint now) {
    if (waits())
        again_ = true;
    else
        next_ = std::min(next_, now);
}

bool NameState::on_answer(Query query, Found found, TimePoint now, std::chrono::system_clock::time_point at,
                          double random) {
    const auto part = std::ranges::find(parts_, query, &Part::query);
    if (part == parts_.end() || !part->in_flight) return false;
    leave_out_unusable(found);
    const Outcome outcome = found.outcome;
    const auto before = std::pair(addresses_, srv_);
    const std::string error_before = error_;
    part->in_flight = false;
    part->answered = true;
    take_records(*part, std::move(found));
    merge();
    error_ = find_error();
    if (outcome == Outcome::records) {
        good_at_ = at;
        fruitful_ = true;
        if (!first_records_at_) first_records_at_ = now;
    }
    count_failure(outcome);
    const TimePoint next = now + pause(outcome, random);
    next_ = std::exchange(heard_, true) ? std::min(next_, next) : next;
    if (!waits() && std::exchange(again_, false)) next_ = now;
    return before != std::pair(addresses_, srv_) || error_before.empty() != error_.empty();
}

void NameState::take_records(Part& part, Found found) {
    if (found.outcome == Outcome::records) {
        part.addresses = std::exchange(found.addresses, {});
        if (part.query == Query::srv) {
            srv_ = std::exchange(found.srv, {});
            left_out_ = sort_and_limit(srv_, kMaxSrvTargets);
        }
    }
    part.last = std::move(found);
}

/// A family goes when DNS says that it has no records of it, and has some of the other one: whether it has is
/// not known while that question is on its way.
void NameState::merge() {
    if (parts_.front().query == Query::srv || !any(Outcome::records)) return;
    const bool all_heard = !in_flight();
    addresses_.clear();
    for (Part& part : parts_) {
        if (part.answered && part.last.outcome == Outcome::none && all_heard) part.addresses.clear();
        std::ranges::copy(part.addresses, std::back_inserter(addresses_));
    }
    left_out_ = sort_and_limit(addresses_, kMaxNameAddresses);
}

/// The first question that failed counts; where none did and nothing was found, the first that found nothing.
std::string NameState::find_error() const {
    const bool failed = any(Outcome::failed);
    const bool all_answered = std::ranges::all_of(parts_, &Part::answered);
    if (!failed && (any(Outcome::records) || !all_answered)) return "";
    const auto tells = [&](const Part& part) {
        return part.answered && part.last.outcome == (failed ? Outcome::failed : Outcome::none);
    };
    const auto found = std::ranges::find_if(parts_, tells);
    const bool alone = std::ranges::count_if(parts_, tells) < std::ssize(parts_);
    if (!alone) return found->last.reason;
    return (found->query == Query::a ? "A: " : "AAAA: ") + found->last.reason;
}

/// Once for all questions that are asked at the same time.
void NameState::count_failure(Outcome outcome) {
    if (error_.empty()) failures_ = 0;
    if (error_.empty() || failure_counted_) return;
    if (outcome == Outcome::records || (outcome == Outcome::none && any(Outcome::records))) return;
    ++failures_;
    failure_counted_ = true;
}

Duration NameState::pause(Outcome outcome, double random) const {
    Duration pause = kMaxTtl;
    for (const Part& part : parts_)
        if (part.answered && part.last.outcome == Outcome::records)
            pause = std::min(pause, std::max(part.last.ttl, kMinTtl));
    // What failed before and is on its way again does not make the others be asked sooner.
    if (failures_ == 0 || (outcome == Outcome::records && in_flight())) return pause;
    const Duration doubled = std::chrono::seconds(1) * (1U << std::min(failures_ - 1, 5U));
    const Duration longest = std::min(doubled, kMaxRetry);
    const auto jitter = std::chrono::duration_cast<Duration>(longest * (random / 5));
    return std::min(pause, longest - jitter);
}

bool NameState::answered(TimePoint now) const {
    if (std::ranges::all_of(parts_, &Part::answered)) return true;
    return first_records_at_ && now >= *first_records_at_ + kResolutionDelay;
}

const NameState::Part* NameState::part(Family family) const {
    const auto query = family == Family::v4 ? Query::a : Query::aaaa;
    const auto found = std::ranges::find(parts_, query, &Part::query);
    return found == parts_.end() ? nullptr : &*found;
}

bool NameState::has(Family family) const {
    return std::ranges::any_of(addresses_, [&](const Address& one) { return one.family() == family; });
}

bool NameState::answered(Family family) const {
    const Part* asked = part(family);
    return !asked || asked->answered;
}

bool NameState::failed(Family family) const {
    const Part* asked = part(family);
    return asked && asked->answered && asked->last.outcome == Outcome::failed;
}

}  // namespace reseat::lb
