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

// Threads that help with what they are called for. They live as long as their process.
class Team {
 public:
  const pid_t process = getpid();

  // Call work() in this thread, and meanwhile in up to `helpers` others; it takes what is left to do and returns where
  // nothing is. Nobody waits for a thread that wakes up after that. Where no more threads are to be had, or another
  // call is at work with them, this thread does all.
  void run(int64_t helpers, const std::function<void()>& work) {
    std::unique_lock<std::mutex> alone(busy_, std::try_to_lock);
    helpers = alone.owns_lock() ? std::min(helpers, gather(helpers)) : 0;
    if (helpers > 0) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
        work_ = &work;
        helpers_ = helpers;
        round_++;
      }
      begin_.notify_all();
    }
    work();
    if (helpers == 0) return;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = nullptr;
    }
    for (int look = 0; look < LOOKS && at_work_ > 0; look++) std::this_thread::yield();
    std::unique_lock<std::mutex> lock(mutex_);
    end_.wait(lock, [&] { return at_work_ == 0; });
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
      if (number > helpers_ || work_ == nullptr) continue;
      const std::function<void()>& work = *work_;
      at_work_++;
      lock.unlock();
      work();
      lock.lock();
      if (--at_work_ == 0) end_.notify_all();
    }
  }

  std::mutex busy_, mutex_;
  std::condition_variable begin_, end_;
  std::vector<std::thread> threads_;
  const std::function<void()>* work_ = nullptr;
  int64_t helpers_ = 0;
  std::atomic<int64_t> at_work_{0}, round_{0};
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

// Parts that each thread would get of the groups, were all equally fast: whoever is done early takes one more.
constexpr int64_t PARTS = 4;

// Call work(first, last) on parts of the groups, in so many threads; what it computes does not depend on their number.
// Return 0, or 1 where there was no memory.
template <class Work>
int32_t share(int64_t groups, int64_t threads, Work work) {
  std::atomic<int32_t> failed{0};
  const auto part = [&](int64_t first, int64_t last) {
    try {
      work(first, last);
    } catch (...) {
      failed = 1;
    }
  };
  if (threads <= 1 || groups <= 1) {
    part(0, groups);
    return failed;
  }
  const int64_t size = (groups + PARTS * threads - 1) / (PARTS * threads);
  std::atomic<int64_t> taken{0};
  const auto take = [&] {
    for (int64_t first; (first = taken.fetch_add(size)) < groups;) part(first, std::min(groups, first + size));
  };
  try {
    team().run(std::min(threads, groups) - 1, std::ref(take));
  } catch (...) {
    failed = 1;
  }
  return failed;
}

}  // namespace sqnn
