#include "server_flags.h"

#include <string.h>

const ServerFlag *
server_flag_find(const ServerFlag *flags, const char *name)
{
  gsize length = strcspn(name, ".");

  for (; flags->name != NULL; flags++)
    if (strlen(flags->name) == length && memcmp(flags->name, name, length) == 0)
      return flags;
  return NULL;
}

char *
server_flag_advice(const char *name)
{
  const ServerFlag *flag = server_flag_find(vllm_flags, name);

  if (flag == NULL || (flag->use == FLAG_TAKEN && flag->option == NULL))
    return NULL;
  if (flag->use == FLAG_FILE)
    return g_strdup("it is a server's: paste it with --vllm-args");
  if (flag->use == FLAG_NO_EFFECT)
    return g_strdup("it changes nothing that is simulated: leave it out");
  if (flag->use == FLAG_LEFT_OUT || flag->use == FLAG_GRAPHS || flag->use == FLAG_CONTEXT)
    return g_strdup(flag->advice);
  return g_strdup_printf("it is called --%s%s here", flag->option, flag->is_switch ? " 2" : "");
}
