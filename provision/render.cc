#include "provision/render.h"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <utility>

#include "gna/base/digest.h"
#include "provision/encode.h"
#include "provision/format/format.h"
#include "provision/os/os.h"
#include "provision/reconcile.h"

namespace gna::provision {
namespace {

using Form = Result<std::string> (*)(const Userdata&);

Result<Form> form_of(const std::string& name) {
  static const std::map<std::string, Form> forms = {
      {"script", script}, {"cloud-config", cloud_config}, {"mime", mime}, {"ignition", ignition}};
  const auto at = forms.find(name);
  if (at == forms.end()) return fail(Code::Unsupported, fmt::format("--format {} is not in this version of gna", name));
  return at->second;
}

std::size_t raw_size(const UserdataFile& file) { return file.bytes.size(); }
std::size_t raw_size(const UserdataUnit& unit) { return unit.content.value_or("").size(); }
std::size_t raw_size(const osc::File& file) {
  return file.content.inline_data ? file.content.inline_data->data.size() : 0;
}
std::size_t raw_size(const osc::Unit& unit) { return unit.content.value_or("").size(); }

// Each part costs another rendering, and thousands of files would cost hours. What is left out are the smallest.
constexpr std::size_t kMostRendered = 8UL << 20;  // bytes
constexpr std::size_t kLeastParts = 4;

template <typename Elements>
std::vector<std::size_t> worth_measuring(const Elements& elements, std::size_t whole) {
  std::vector<std::size_t> out(elements.size());
  std::iota(out.begin(), out.end(), 0);
  std::ranges::stable_sort(out, std::greater(), [&](std::size_t i) { return raw_size(elements[i]); });
  out.resize(std::min(out.size(), std::max(kMostRendered / whole, kLeastParts)));
  return out;
}

// The parts are what the result shrinks by when it is made without one of the elements.
template <typename Elements, typename Name, typename Make>
void measure(Elements& elements, std::size_t whole, const Name& name, const Make& make, std::vector<Part>& into) {
  for (const auto i : worth_measuring(elements, whole)) {
    auto taken = std::move(elements[i]);
    elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(i));
    const Result<std::string> rest = make();
    into.push_back({name(taken), rest && rest->size() < whole ? whole - rest->size() : 0});
    elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(i), std::move(taken));
  }
}

template <typename Model, typename Units, typename Files, typename Make>
Result<Rendered> rendered(Model model, Files files, Units units, const Make& form, const RenderOptions& options) {
  const auto make = [&] { return form(model); };
  GNA_LET(bytes, make());
  Rendered out{.bytes = std::move(bytes)};
  const auto whole = out.bytes.size();
  if (!options.measure && (!options.limit || whole <= options.limit->bytes)) return out;
  measure(files(model), whole, [](const auto& file) { return file.path; }, make, out.parts);
  measure(units(model), whole, [](const auto& unit) { return "unit " + unit.name; }, make, out.parts);
  std::ranges::stable_sort(out.parts, std::greater(), &Part::bytes);
  return out;
}

Result<void> compress(const RenderOptions& options, Rendered& into) {
  const auto refuse = [](std::string why) { return fail(Code::InvalidArgument, "--gzip: " + std::move(why)); };
  if (options.os == "flatcar" || (options.os.empty() && options.form == "ignition"))
    return refuse("Ignition does not unpack its configuration");
  if (options.os == "local") return refuse("nothing unpacks it there");
  if (holds_placeholder(into.bytes))
    return refuse("the machine controller would not find the placeholders in it; the static part is compressed anyway");
  const auto how = options.limit ? options.limit->compressed : Compressed::binary;
  if (how == Compressed::never) return refuse(options.limit->name + " takes text only");
  into.bytes = gzip(into.bytes);
  if (how == Compressed::text) into.bytes = base64_encode(into.bytes);
  return {};
}

}  // namespace

Result<Rendered> render(const osc::Osc& osc, const std::vector<Mirror>& mirrors, const RenderOptions& options) {
  Result<Rendered> out;
  // Checks what holds for every form.
  auto how = options.userdata;
  how.keep_init = !options.os.empty();
  GNA_LET(userdata, make_userdata(osc, mirrors, how));
  if (options.os.empty()) {
    GNA_LET(form, form_of(options.form));
    out = rendered(
        std::move(userdata), [](Userdata& u) -> auto& { return u.files; }, [](Userdata& u) -> auto& { return u.units; },
        form, options);
  } else {
    if (options.userdata.with_credentials)
      return fail(Code::InvalidArgument,
                  "--secrets-in-userdata: the OSC's own init.sh, which the --os forms keep, takes none");
    out = rendered(
        with_mirror_files(osc, mirrors), [](osc::Osc& o) -> auto& { return o.spec.files; },
        [](osc::Osc& o) -> auto& { return o.spec.units; },
        [&](const osc::Osc& o) { return render_os(options.os, o, options.userdata.secrets); }, options);
  }
  if (!out) return out;
  out->gzip_bytes = gzip(out->bytes).size();
  if (options.gzip) GNA_TRY(compress(options, *out));
  return out;
}

}  // namespace gna::provision
