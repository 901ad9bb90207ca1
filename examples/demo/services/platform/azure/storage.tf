resource "azurerm_storage_account" "lake" {
  name                     = "meridianlake"
  resource_group_name      = azurerm_resource_group.analytics.name
  location                 = azurerm_resource_group.analytics.location
  account_tier             = "Standard"
  account_replication_type = "ZRS"
  is_hns_enabled           = true
}

resource "azurerm_storage_data_lake_gen2_filesystem" "lake" {
  name               = "lake"
  storage_account_id = azurerm_storage_account.lake.id
}

resource "azurerm_storage_account" "scans" {
  name                     = "meridianscans"
  resource_group_name      = azurerm_resource_group.legacy.name
  location                 = azurerm_resource_group.legacy.location
  account_tier             = "Standard"
  account_replication_type = "LRS"
}

resource "azurerm_cosmosdb_account" "profiles" {
  name                = "meridian-profiles"
  resource_group_name = azurerm_resource_group.analytics.name
  location            = "northeurope"
  offer_type          = "Standard"

  consistency_policy {
    consistency_level = "Session"
  }

  geo_location {
    location          = "northeurope"
    failover_priority = 0
  }

  geo_location {
    location          = "westus2"
    failover_priority = 1
  }
}
