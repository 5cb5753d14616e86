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

bool any(const Answer& answer, Outcome outcome) {
    return std::ranges::any_of(answer, [&](const Found& found) { return found.outcome == outcome; });
}

/// The first question that failed tells; where none did and nothing was found, the first that found nothing.
std::string error_of(const Answer& answer) {
    const bool failed = any(answer, Outcome::failed);
    if (!failed && any(answer, Outcome::records)) return "";
    const auto told = failed ? Outcome::failed : Outcome::none;
    const auto found = std::ranges::find(answer, told, &Found::outcome);
    if (found == answer.end()) return "no answer";
    const bool alone = std::ranges::count(answer, told, &Found::outcome) < std::ssize(answer);
    if (answer.size() < 2 || !alone) return found->reason;
    return (found == answer.begin() ? "A: " : "AAAA: ") + found->reason;
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

Family family_of_question(std::size_t question) {
    return question == 0 ? Family::v4 : Family::v6;
}

}  // namespace

void NameState::hurry(TimePoint now) {
    if (in_flight_)
        again_ = true;
    else
        next_ = std::min(next_, now);
}

bool NameState::on_answer(Answer answer, TimePoint now, std::chrono::system_clock::time_point at,
                          double random) {
    for (Found& found : answer) leave_out_unusable(found);
    const auto before = std::pair(addresses_, srv_);
    const std::string error_before = std::exchange(error_, error_of(answer));
    in_flight_ = false;
    answered_ = true;
    failures_ = error_.empty() ? 0 : failures_ + 1;
    next_ = now + pause(answer, random);
    if (std::exchange(again_, false)) next_ = now;
    if (any(answer, Outcome::records)) {
        good_at_ = at;
        take_records(answer);
    }
    return before != std::pair(addresses_, srv_) || error_before.empty() != error_.empty();
}

/// Of a family whose question failed the last good ones stay.
void NameState::take_records(Answer& answer) {
    std::vector<Address> addresses;
    for (std::size_t i = 0; i < answer.size(); ++i) {
        const bool failed = answer[i].outcome == Outcome::failed;
        const auto& from = failed ? addresses_ : answer[i].addresses;
        std::ranges::copy_if(from, std::back_inserter(addresses), [&](const Address& address) {
            return !failed || address.family() == family_of_question(i);
        });
    }
    addresses_ = std::move(addresses);
    srv_ = std::move(answer.front().srv);
    left_out_ = sort_and_limit(addresses_, kMaxNameAddresses) + sort_and_limit(srv_, kMaxSrvTargets);
}

Duration NameState::pause(const Answer& answer, double random) {
    Duration pause = kMaxTtl;
    for (const Found& found : answer)
        if (found.outcome == Outcome::records) pause = std::min(pause, std::max(found.ttl, kMinTtl));
    if (failures_ == 0) return pause;
    const Duration doubled = std::chrono::seconds(1) * (1U << std::min(failures_ - 1, 5U));
    const Duration longest = std::min(doubled, kMaxRetry);
    const auto jitter = std::chrono::duration_cast<Duration>(longest * (random / 5));
    return std::min(pause, longest - jitter);
}

}  // namespace reseat::lb
