#include "optimus_riding.h"

#include <algorithm>
#include <utility>

#include "bigmac/base/error.h"
#include "bigmac/schedule/rides.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMostParts = 60'000;

/// Kernels at one place: in a bubble, or in the waits of a host.
struct Run {
  Interval at;
  std::int64_t kernels = 0;  // in a bubble, or between the host's blocks
  std::int64_t at_ends = 0;
  const Host* host = nullptr;

  void drop_one() { --(at_ends > 0 ? at_ends : kernels); }
};

class KernelWalk {
 public:
  KernelWalk(const Room& room, const Hosts& hosts, Cursor at, const EncoderItem& item)
      : room_(room),
        hosts_(hosts),
        at_(at),
        item_(item),
        count_(room.costs->rides[room.costs->slot(item.op)].count),
        host_(hosts.first_from(item.release)) {
    if (count_ > 0) length_ = (item.cost + count_ - 1) / count_;
  }

  std::optional<Placed> run(bool mirror) {
    std::int64_t left = count_;
    while (left > 0) {
      const std::int64_t taken = take(left);
      if (taken == 0 || runs_.back().at.end > item_.deadline) return std::nullopt;
      left -= taken;
    }
    if (riding() == 0) return std::nullopt;
    if (listed() > 0) list_both_ends();
    if (riding() == 0 || listed() > kMostParts) return std::nullopt;
    return emit(mirror);
  }

 private:
  // At the next place in time; 0 when there is none.
  std::int64_t take(std::int64_t most) {
    const bool bubble = find_bubble(), host = find_host();
    if (!bubble && !host) return 0;
    if (bubble && (!host || at_.now < hosts_[host_].at.start)) {
      const std::int64_t kernels = std::min(most, (room_.bubbles[at_.bubble].end - at_.now) / length_);
      runs_.push_back(Run{{at_.now, at_.now + kernels * length_}, kernels});
      time_ = at_.now += kernels * length_;
      return kernels;
    }
    const Host& taken = hosts_[host_++];
    const std::int64_t kernels = std::min(most, fit_ * taken.waits);
    const std::int64_t at_ends = std::min(most - kernels, fit_at_ends_ * taken.ends);
    runs_.push_back({taken.at, kernels, at_ends, &taken});
    time_ = taken.at.end;
    return kernels + at_ends;
  }

  bool find_bubble() {
    for (; at_.bubble < room_.bubbles.size(); ++at_.bubble) {
      const Interval& bubble = room_.bubbles[at_.bubble];
      at_.now = std::max({at_.now, bubble.start, item_.release, time_});
      if (bubble.end - at_.now >= length_) return true;
    }
    return false;
  }
  bool find_host() {
    for (; (host_ = hosts_.with_waits(host_)) < hosts_.size(); ++host_) {
      const Host& host = hosts_[host_];
      if (host.at.start < time_) continue;
      fit_ = host.waits > 0 ? hosts_.fit(host, item_.op, false) : 0;
      fit_at_ends_ = host.ends > 0 ? hosts_.fit(host, item_.op, true) : 0;
      if (fit_ + fit_at_ends_ > 0) return true;
    }
    return false;
  }

  std::int64_t riding() const { return count(true); }
  std::int64_t listed() const { return count(false); }
  std::int64_t count(bool rides) const {
    std::int64_t kernels = 0;
    for (const Run& run : runs_)
      if ((run.host != nullptr) == rides) kernels += run.kernels + run.at_ends;
    return kernels;
  }

  void list_both_ends() {
    if (Run& first = runs_.front(); first.host != nullptr) {
      first.drop_one();
      runs_.insert(runs_.begin(), Run{{first.at.start, first.at.start}, 1});
    }
    if (Run& last = runs_.back(); last.host != nullptr) {
      last.drop_one();
      runs_.push_back(Run{{last.at.end, last.at.end}, 1});
    }
  }

  Placed emit(bool mirror) const {
    Placed out{at_, runs_.back().at.end, {}, {}};
    const std::int64_t parts = std::max<std::int64_t>(2, listed());
    std::int64_t next = 0;
    const auto list = [&](Interval at) {
      Op part = item_.op;
      part.part = static_cast<std::uint16_t>(mirror ? parts - 1 - next : next);
      part.parts = static_cast<std::uint16_t>(parts);
      out.packed.slices.push_back({at, part});
      ++next;
    };
    const bool whole = listed() == 0;
    if (whole) list({runs_.front().at.start, runs_.front().at.start});
    for (const Run& run : runs_) {
      const std::int64_t each = run.at.end > run.at.start ? length_ : 0;
      if (run.host != nullptr) ride(run, out);
      for (std::int64_t k = 0; run.host == nullptr && k < run.kernels; ++k)
        list({run.at.start + k * each, run.at.start + (k + 1) * each});
    }
    if (whole) list({runs_.back().at.end, runs_.back().at.end});
    return out;
  }

  void ride(const Run& run, Placed& out) const {
    for (const bool at_ends : {false, true}) {
      const std::int64_t kernels = at_ends ? run.at_ends : run.kernels;
      if (kernels == 0) continue;
      const std::int64_t fit = hosts_.fit(*run.host, item_.op, at_ends);
      out.hosts.push_back(static_cast<std::size_t>(run.host - &hosts_[0]));
      out.packed.rides.push_back({run.host->index,
                                  static_cast<std::uint32_t>((kernels + fit - 1) / fit),
                                  {run.host->op, item_.op, static_cast<std::uint32_t>(kernels), at_ends}});
    }
  }

  const Room& room_;
  const Hosts& hosts_;
  Cursor at_;
  const EncoderItem& item_;
  std::int64_t count_, length_ = 0, fit_ = 0, fit_at_ends_ = 0;
  std::int64_t time_ = kLongAgo;  // where the last kernel ended
  std::size_t host_;
  std::vector<Run> runs_;
};

}  // namespace

Hosts::Hosts(const Room& room) : costs_(room.costs), hosts_(room.hosts), next_(room.hosts.size()) {
  for (std::uint32_t i = 0; i < next_.size(); ++i) next_[i] = hosts_[i].waits + hosts_[i].ends > 0 ? i : i + 1;
}

std::size_t Hosts::first_from(std::int64_t time) const {
  const auto sooner = [](const Host& host, std::int64_t at) { return host.at.start < at; };
  return static_cast<std::size_t>(std::lower_bound(hosts_.begin(), hosts_.end(), time, sooner) - hosts_.begin());
}

std::size_t Hosts::with_waits(std::size_t i) const {
  std::size_t found = i;
  while (found < next_.size() && next_[found] != found) found = next_[found];
  while (i < found) i = std::exchange(next_[i], static_cast<std::uint32_t>(found));
  return found;
}

std::int64_t Hosts::fit(const Host& host, const Op& guest, bool at_ends) const {
  const std::uint32_t slot = costs_->slot(guest);
  Fit& known = fits_[((host.cost * 2'654'435'769u) ^ slot) >> 5 & (fits_.size() - 1)];
  if (known.host != host.cost || known.guest != slot)
    known = {host.cost, slot, kernels_in_a_wait(*costs_, host.op, guest, false),
             kernels_in_a_wait(*costs_, host.op, guest, true)};
  return at_ends ? known.at_ends : known.between;
}

// Hosts stand in the order of their rank's operations, in a mirror from the last.
std::size_t Hosts::carrier(const PlannedRide& ride) const {
  const bool ascending = hosts_.front().index <= hosts_.back().index;
  const auto before = [&](const Host& host, auto index) { return ascending ? host.index < index : host.index > index; };
  const auto host = std::lower_bound(hosts_.begin(), hosts_.end(), ride.host, before);
  BIGMAC_CHECK(host != hosts_.end() && host->index == ride.host);
  return static_cast<std::size_t>(host - hosts_.begin());
}

void Hosts::take(std::size_t i, const PlannedRide& ride) {
  Host& host = hosts_[i];
  (ride.ride.at_ends ? host.ends : host.waits) -= ride.waits;
  if (host.waits + host.ends == 0) next_[i] = static_cast<std::uint32_t>(i) + 1;
}

std::optional<Placed> place_riding(const Room& room, const Hosts& hosts, Cursor at, const EncoderItem& item,
                                   bool mirror) {
  return KernelWalk(room, hosts, at, item).run(mirror);
}

}  // namespace bigmac
