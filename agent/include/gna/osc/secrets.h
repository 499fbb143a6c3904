// Kubernetes Secrets given as YAML documents (`--secrets FILE`): what secretRef files
// and caBundle references read where no cluster is at hand.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "gna/base/result.h"

namespace gna::osc {

// name → key → bytes. Namespaces are ignored: a node reads kube-system only.
using Secrets = std::map<std::string, std::map<std::string, std::string>>;

// Any number of documents, `data` (base64) or `stringData`.
// Errors: InvalidArgument with line and field; no value of a Secret is ever in the message.
Result<Secrets> parse_secrets(std::string_view bytes);

}  // namespace gna::osc
