resource "azurerm_kusto_cluster" "events" {
  name                = "meridianevents"
  resource_group_name = azurerm_resource_group.analytics.name
  location            = azurerm_resource_group.analytics.location

  sku {
    name     = "Standard_E2ads_v5"
    capacity = 2
  }
}

resource "azurerm_kusto_cluster" "audit" {
  name                    = "meridianaudit"
  resource_group_name     = azurerm_resource_group.analytics.name
  location                = azurerm_resource_group.analytics.location
  disk_encryption_enabled = var.encrypt_cluster_disks

  sku {
    name     = "Standard_E2ads_v5"
    capacity = 2
  }
}

resource "azurerm_automation_account" "jobs" {
  name                = "meridian-jobs"
  resource_group_name = azurerm_resource_group.analytics.name
  location            = azurerm_resource_group.analytics.location
  sku_name            = "Basic"
}

resource "azurerm_automation_variable_string" "signing_key" {
  name                    = "intake-signing-key"
  resource_group_name     = azurerm_resource_group.analytics.name
  automation_account_name = azurerm_automation_account.jobs.name
  value                   = var.intake_signing_key
}

resource "azurerm_automation_variable_string" "greeting" {
  name                    = "greeting"
  resource_group_name     = azurerm_resource_group.analytics.name
  automation_account_name = azurerm_automation_account.jobs.name
  value                   = "good morning"
}
