resource "azurerm_mssql_server" "warehouse" {
  name                = "meridian-warehouse"
  resource_group_name = azurerm_resource_group.analytics.name
  location            = azurerm_resource_group.analytics.location
  version             = "12.0"
  minimum_tls_version = "1.2"

  azuread_administrator {
    login_username = "warehouse-admins"
    object_id      = "6a6e7d4c-7a52-4c2c-8a0d-0b1d7c0f6a11"
  }
}

resource "azurerm_mssql_database" "visits" {
  name                                = "visits"
  server_id                           = azurerm_mssql_server.warehouse.id
  sku_name                            = "S1"
  transparent_data_encryption_enabled = false
}

resource "azurerm_mssql_database" "costs" {
  name      = "costs"
  server_id = azurerm_mssql_server.warehouse.id
  sku_name  = "S0"
}

resource "azurerm_synapse_sql_pool" "reports" {
  name                 = "reports"
  synapse_workspace_id = azurerm_synapse_workspace.analytics.id
  sku_name             = "DW100c"
  create_mode          = "Default"
}

resource "azurerm_synapse_sql_pool" "planning" {
  name                 = "planning"
  synapse_workspace_id = azurerm_synapse_workspace.analytics.id
  sku_name             = "DW100c"
  create_mode          = "Default"
  data_encrypted       = true
}

resource "azurerm_synapse_workspace" "analytics" {
  name                                 = "meridian-analytics"
  resource_group_name                  = azurerm_resource_group.analytics.name
  location                             = azurerm_resource_group.analytics.location
  storage_data_lake_gen2_filesystem_id = azurerm_storage_data_lake_gen2_filesystem.lake.id

  identity {
    type = "SystemAssigned"
  }
}
