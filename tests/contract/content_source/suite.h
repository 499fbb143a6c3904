// What every ContentSource keeps. A world brings images to one kind of source.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "gna/backend/content_source.h"
#include "tests/support/oci_image.h"

namespace gna::contract {

class ContentWorld {
 public:
  // Makes the image available under `reference`; before source().
  virtual void add(const std::string& reference, const support::Image& image) = 0;
  virtual backend::ContentSource& source() = 0;
  // What is left behind by the source, in words; empty: nothing.
  virtual std::string leftovers() { return {}; }
  virtual ~ContentWorld() = default;
};

struct ContentCase {
  std::string name;
  // nullptr with a reason in `why_not`: not on this machine.
  std::function<std::unique_ptr<ContentWorld>(std::string& why_not)> make;
};

class ContentSourceContract : public testing::TestWithParam<ContentCase> {
 protected:
  void SetUp() override;
  void TearDown() override;

  Result<Fd> open(const std::string& path, const std::string& reference);
  // The file's bytes, or the error's code.
  std::string content(const std::string& path, const std::string& reference);
  Result<Fd> open(const std::string& path);
  std::string content(const std::string& path);

  std::unique_ptr<ContentWorld> world_;
};

}  // namespace gna::contract
