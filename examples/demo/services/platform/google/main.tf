terraform {
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.14"
    }
  }
}

provider "google" {
  project = "meridian-imaging"
  region  = local.region
}

locals {
  region = "europe-west3"
  labels = { owner = "platform" }
}

resource "google_storage_bucket" "images" {
  name                        = "meridian-images"
  location                    = "EU"
  uniform_bucket_level_access = true
  labels                      = local.labels
}

resource "google_storage_bucket" "research" {
  name                        = "meridian-research"
  location                    = "US"
  uniform_bucket_level_access = true
}

resource "google_sql_database_instance" "imaging" {
  name             = "imaging"
  database_version = "POSTGRES_16"
  region           = local.region

  settings {
    tier = "db-custom-2-8192"

    backup_configuration {
      enabled  = true
      location = "us-central1"
    }
  }
}

resource "google_bigquery_dataset" "cohorts" {
  dataset_id = "cohorts"
  location   = "europe-west3"
}

resource "google_bigquery_dataset" "trials" {
  dataset_id = "trials"
  location   = "asia-east1"
}
