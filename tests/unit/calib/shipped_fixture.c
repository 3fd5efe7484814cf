#include "tests/unit/calib/shipped_fixture.h"

#include "models/model_config.h"

const char *const shipped_device_names[SHIPPED_DEVICES] = {
    "a100-40gb", "a100-80gb",    "h100-sxm", "h100-pcie", "h200", "b200",  "l40s",
    "rtx-4090",  "rtx-pro-6000", "gh200",    "mi300x",    "b300", "gb200", "gb300",
};

char *
source_path(const char *folder, const char *name, const char *suffix)
{
  const char *root = g_getenv("SPILLWAY_SRCDIR");
  g_autofree char *file = g_strconcat(name, suffix, NULL);

  return g_build_filename(root != NULL ? root : ".", folder, file, NULL);
}

Device *
shipped_device(const char *name)
{
  g_autofree char *path = source_path("calib/devices", name, ".ini");
  g_autoptr(GError) error = NULL;
  Device *device = device_read(path, name, &error);

  g_assert_no_error(error);
  return device;
}

Model *
shipped_model(const char *name)
{
  g_autofree char *path = source_path("models", name, ".json");
  g_autoptr(GError) error = NULL;
  Model *model = model_config_read(path, name, &error);

  g_assert_no_error(error);
  return model;
}
