terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.14"
    }
  }
}

provider "azurerm" {
  features {}
}

resource "azurerm_resource_group" "analytics" {
  name     = "analytics-${var.environment}"
  location = var.location
}

resource "azurerm_resource_group" "legacy" {
  name     = "legacy"
  location = "uksouth"
}
