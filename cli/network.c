#include "network.h"

#include "location.h"

int network_name(cli_invocation *invocation, const char *place, const char *driver,
                 const char **ret_name)
{
    tsr_auto(tsr_store) *store = NULL;

    *ret_name = NULL;
    if (!location_is_zarr(driver) || location_is_in_file(place))
        return 0;
    CLI_TRY(tsr_store_open(invocation->context, place, &store, &invocation->error));
    return tsr_store_network(store, ret_name, &invocation->error);
}
