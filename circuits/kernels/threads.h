// Work shared among threads that stay from call to call: a new thread begins too late for what takes a tenth of a
// millisecond.
#pragma once
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sqnn {

// Looks at whether there is work before a thread goes to sleep, of which it would wake up late.
constexpr int LOOKS = 2000;

// Threads that each do one part of what they are called with. They live as long as their process.
class Team {
 public:
  const pid_t process = getpid();

  // Call part(k) for each k from 0 to `parts` - 1, part 0 in this thread. Where no more threads are to be had, or
  // another call is at work with them, this thread does what is left.
  void run(int64_t parts, const std::function<void(int64_t)>& part) {
    std::unique_lock<std::mutex> alone(busy_, std::try_to_lock);
    const int64_t helpers = alone.owns_lock() ? std::min(parts - 1, gather(parts - 1)) : 0;
    if (helpers > 0) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        part_ = &part;
        helpers_ = helpers;
        left_ = helpers;
        round_++;
      }
      begin_.notify_all();
    }
    part(0);
    for (int64_t k = helpers + 1; k < parts; k++) part(k);
    if (helpers == 0) return;
    for (int look = 0; look < LOOKS && left_ > 0; look++) std::this_thread::yield();
    std::unique_lock<std::mutex> lock(mutex_);
    end_.wait(lock, [&] { return left_ == 0; });
  }

 private:
  // Have so many threads, or as many as there are to be had.
  int64_t gather(int64_t wanted) {
    try {
      for (int64_t number = (int64_t)threads_.size() + 1; number <= wanted; number++)
        threads_.emplace_back([this, number, seen = round_.load()] { help(number, seen); });
    } catch (...) {
    }
    return (int64_t)threads_.size();
  }

  void help(int64_t number, int64_t seen) {
    for (;;) {
      for (int look = 0; look < LOOKS && round_ == seen; look++) std::this_thread::yield();
      std::unique_lock<std::mutex> lock(mutex_);
      begin_.wait(lock, [&] { return round_ != seen; });
      seen = round_;
      if (number > helpers_) continue;
      const std::function<void(int64_t)>& part = *part_;
      lock.unlock();
      part(number);
      lock.lock();
      if (--left_ == 0) end_.notify_all();
    }
  }

  std::mutex busy_, mutex_;
  std::condition_variable begin_, end_;
  std::vector<std::thread> threads_;
  const std::function<void(int64_t)>* part_ = nullptr;
  int64_t helpers_ = 0;
  std::atomic<int64_t> left_{0}, round_{0};
};

// The team of this process; one that was forked has none of its parent's threads, and gets a team of its own. A mutex in
// place of the exchange could have been held, at the fork, by a thread that is not there any more.
inline Team& team() {
  static std::atomic<Team*> own{nullptr};
  Team* now = own;
  while (now == nullptr || now->process != getpid()) {
    std::unique_ptr<Team> next(new Team);
    if (own.compare_exchange_strong(now, next.get())) return *next.release();
  }
  return *now;
}

// Call work(first, last) on parts of the groups, each in a thread; what it computes does not depend on their number.
// Return 0, or 1 where there was no memory.
template <class Work>
int32_t share(int64_t groups, int64_t threads, Work work) {
  const int64_t parts = std::max<int64_t>(1, std::min(threads, groups));
  std::atomic<int32_t> failed{0};
  const auto part = [&](int64_t k) {
    try {
      work(groups * k / parts, groups * (k + 1) / parts);
    } catch (...) {
      failed = 1;
    }
  };
  if (parts == 1) {
    part(0);
    return failed;
  }
  try {
    team().run(parts, std::ref(part));
  } catch (...) {
    failed = 1;
  }
  return failed;
}

}  // namespace sqnn
