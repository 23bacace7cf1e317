#include "plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "onnxpack/base/text.h"
#include "onnxpack/io/safe_path.h"
#include "onnxpack/model/signature.h"
#include "onnxpack/target/requirement.h"

namespace onnxpack::package {
namespace {

using protocol::Served;

// The build's settings with the target's own on top.
CompileSettings settings_for(const BuildRequest& request, const std::string& target) {
  CompileSettings out = request.settings;
  auto own = request.target_settings.find(target);
  if (own == request.target_settings.end()) return out;
  for (const auto& [name, size] : own->second.free_dimensions) out.free_dimensions[name] = size;
  for (const auto& [input, shape] : own->second.input_shapes) out.input_shapes[input] = shape;
  for (const auto& [backend, options] : own->second.backend_options) {
    for (const auto& [key, value] : options) out.backend_options[backend][key] = value;
  }
  return out;
}

bool has_input(const PreparedComponent& component, const std::string& name) {
  return std::ranges::any_of(component.model.inputs(),
                             [&](const auto& input) { return input.name == name; });
}

bool has_dimension(const PreparedComponent& component, const std::string& name) {
  return std::ranges::any_of(component.model.inputs(), [&](const auto& input) {
    return input.shape &&
           std::ranges::any_of(*input.shape, [&](const auto& d) { return d.name == name; });
  });
}

// The part of the settings that speaks of this component. With one component everything does, so
// that a misspelt name is an error.
model::ShapeRequest shapes_for(const CompileSettings& settings, const PreparedComponent& component,
                               bool only_one) {
  model::ShapeRequest out;
  for (const auto& [name, size] : settings.free_dimensions) {
    if (only_one || has_dimension(component, name)) out.dimensions.push_back({name, size});
  }
  for (const auto& [input, shape] : settings.input_shapes) {
    if (only_one || has_input(component, input)) out.inputs.push_back({input, shape});
  }
  return out;
}

// With several components, a name must still be known to one of them.
Status check_names_somewhere(const CompileSettings& settings,
                             const std::vector<PreparedComponent>& components) {
  for (const auto& [name, shape] : settings.input_shapes) {
    if (std::ranges::any_of(components, [&](const auto& c) { return has_input(c, name); }))
      continue;
    return fail(ErrorKind::invalid_argument,
                fmt::format("--input-shape: no component has an input '{}'", printable(name)));
  }
  for (const auto& [name, size] : settings.free_dimensions) {
    if (std::ranges::any_of(components, [&](const auto& c) { return has_dimension(c, name); }))
      continue;
    return fail(
        ErrorKind::invalid_argument,
        fmt::format("--free-dimension-override: no input has a dimension '{}'", printable(name)));
  }
  return {};
}

protocol::CompileRequest compile_request(const BuildRequest& build, const target::Target& target,
                                         const PreparedComponent& component,
                                         const PreparedSource* source,
                                         const model::ShapeRequest& shapes,
                                         const CompileSettings& settings,
                                         const InstalledBackend& backend) {
  const manifest::Component& description =
      source != nullptr ? source->prepared->description : component.description;
  protocol::CompileRequest out;
  out.component = {description.name, description.model, description.original.sha256};
  out.target = target;
  for (const auto& scope : description.scopes) {
    out.scopes.push_back(
        {scope.name, scope.node_count, scope.inputs, scope.outputs, scope.node_outputs});
  }
  auto options = settings.backend_options.find(backend.program.name);
  if (options != settings.backend_options.end()) out.options = options->second;
  if (source != nullptr) {
    auto wanted = source->backend_options.find(backend.program.name);
    if (wanted != source->backend_options.end())
      out.options.insert(wanted->second.begin(), wanted->second.end());
  }
  for (const auto& dimension : shapes.dimensions)
    out.free_dimensions[dimension.name] = dimension.size;
  for (const auto& input : shapes.inputs) out.input_shapes[input.input] = input.dims;
  out.self_contained = source != nullptr;
  out.variant_name = fmt::format("{}-{}", target.name, backend.program.name);
  if (build.components.size() > 1)
    out.variant_name = fmt::format("{}-{}", description.name, out.variant_name);
  if (source != nullptr && !source->label.empty()) out.variant_name += "-" + source->label;
  return out;
}

JobReport not_usable(const target::Target& target, const PreparedComponent& component,
                     const InstalledBackend& backend, std::string reason, std::string hint) {
  JobReport out;
  out.target = target.name;
  out.component = component.description.name;
  out.backend = backend.program.name;
  out.status = JobStatus::refused;
  out.total_nodes = component.model.nodes().size();
  out.reason = std::move(reason);
  out.hint = std::move(hint);
  return out;
}

// Of our operators, one that the source has and the backend does not take.
std::string domain_beyond(const PreparedSource* source, const std::vector<std::string>& taken) {
  if (source == nullptr) return "";
  for (const auto& import : source->prepared->model.opset_imports()) {
    if (import.domain == "org.onnxpack" && std::ranges::find(taken, import.domain) == taken.end())
      return import.domain;
  }
  return "";
}

class Planner {
 public:
  Planner(const BuildRequest& request, const std::vector<PreparedComponent>& components,
          Sources& sources, const Installed& installed)
      : request_(request), components_(components), sources_(sources), installed_(installed) {}

  Result<Plan> make() {
    ONNXPACK_TRY(candidates_, candidates());
    std::set<std::string> names;
    for (std::size_t t = 0; t < request_.targets.size(); ++t) {
      const target::Target& target = request_.targets[t];
      ONNXPACK_CHECK(in(io::check_relative_name(target.name), "target"));
      if (!names.insert(target.name).second) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("target {} is asked for twice", printable(target.name)));
      }
      ONNXPACK_CHECK(plan_target(t));
    }
    warn_idle();
    warn_unused_options();
    return std::move(plan_);
  }

 private:
  Result<std::vector<const InstalledBackend*>> candidates() const {
    std::vector<const InstalledBackend*> out;
    if (request_.backends.empty()) {
      for (const auto& backend : installed_.all()) out.push_back(&backend);
      return out;
    }
    std::vector<std::string> known = {"none"};
    for (const auto& backend : installed_.all()) known.push_back(backend.program.name);
    for (const auto& name : request_.backends) {
      if (name == "none") continue;
      const InstalledBackend* found = installed_.find(name);
      if (found == nullptr) {
        auto near = did_you_mean(name, known);
        return fail(ErrorKind::not_found,
                    fmt::format("no backend '{}' is installed; there are {}", printable(name),
                                join(known, ", ")),
                    name.contains(',') ? "give each backend with a --backend of its own"
                    : near             ? fmt::format("did you mean '{}'?", *near)
                                       : "`onnx-pack doctor` shows where backends are looked for");
      }
      out.push_back(found);
    }
    std::ranges::sort(out, {}, [](const auto* b) { return b->program.name; });
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
  }

  Status plan_target(std::size_t t) {
    const target::Target& target = request_.targets[t];
    CompileSettings settings = settings_for(request_, target.name);
    if (components_.size() > 1) ONNXPACK_CHECK(check_names_somewhere(settings, components_));
    std::size_t before = plan_.jobs.size();
    for (std::size_t c = 0; c < components_.size(); ++c) {
      auto shapes = shapes_for(settings, components_[c], components_.size() == 1);
      ONNXPACK_CHECK(in(model::effective_signature(components_[c].model, shapes),
                        printable(components_[c].model.path().string())));
      for (const InstalledBackend* backend : candidates_)
        ONNXPACK_CHECK(plan_jobs(t, c, *backend, settings, shapes));
    }
    if (plan_.jobs.size() == before) plan_.unserved.push_back(target.name);
    return {};
  }

  Status plan_jobs(std::size_t t, std::size_t c, const InstalledBackend& backend,
                   const CompileSettings& settings, const model::ShapeRequest& shapes) {
    const target::Target& target = request_.targets[t];
    bool asked = !request_.backends.empty();
    if (std::string problem = backend.compile_problem(); !problem.empty()) {
      if (asked) {
        plan_.refused.push_back(not_usable(target, components_[c], backend, std::move(problem),
                                           backend.compile_hint()));
      }
      // One that nobody named is said once, and only where it would have taken part.
      if (!asked && protocol::serves(backend.description, target).served) idle_.insert(&backend);
      return {};
    }
    Served served = protocol::serves(backend.description, target);
    if (!served.served) {
      if (asked)
        plan_.refused.push_back(not_usable(target, components_[c], backend, served.reason, ""));
      return {};
    }
    used_.insert(backend.program.name);
    ONNXPACK_TRY(auto sources, sources_.of(t, c, served.domains));
    for (const PreparedSource* source : sources) {
      if (const std::string domain = domain_beyond(source, served.domains); !domain.empty()) {
        plan_.refused.push_back(not_usable(
            target, components_[c], backend,
            fmt::format("{} has operators of {}, which it does not take for this target",
                        printable(source->label.empty() ? "the source" : source->label), domain),
            ""));
        continue;
      }
      auto request =
          compile_request(request_, target, components_[c], source, shapes, settings, backend);
      if (!variants_.insert(io::fold_case(request.variant_name)).second) {
        return fail(ErrorKind::invalid_argument,
                    fmt::format("two variants would be called {}", request.variant_name),
                    "give one of the sources another label");
      }
      plan_.jobs.push_back({t, c, &backend, std::move(request), source});
    }
    return {};
  }

  void warn_idle() {
    for (const InstalledBackend* backend : idle_) {
      std::string hint = backend->compile_hint();
      plan_.warnings.push_back(fmt::format("backend {} takes no part: {}{}{}",
                                           backend->program.name, backend->compile_problem(),
                                           hint.empty() ? "" : "; ", hint));
    }
  }

  void warn_unused_options() {
    auto warn = [&](const CompileSettings& settings) {
      for (const auto& [backend, options] : settings.backend_options) {
        if (used_.contains(backend)) continue;
        plan_.warnings.push_back(
            fmt::format("--backend-option {}.*: backend {} takes no part in this build",
                        printable(backend), printable(backend)));
      }
    };
    warn(request_.settings);
    for (const auto& [target, settings] : request_.target_settings) warn(settings);
  }

  const BuildRequest& request_;
  const std::vector<PreparedComponent>& components_;
  Sources& sources_;
  const Installed& installed_;
  std::vector<const InstalledBackend*> candidates_;
  std::set<std::string> used_;
  std::set<std::string> variants_;
  std::set<const InstalledBackend*> idle_;
  Plan plan_;
};

}  // namespace

Result<Plan> make_plan(const BuildRequest& request,
                       const std::vector<PreparedComponent>& components, Sources& sources,
                       const Installed& installed) {
  return Planner(request, components, sources, installed).make();
}

}  // namespace onnxpack::package
