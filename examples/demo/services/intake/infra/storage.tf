# Scans and letters. Buckets are encrypted by the provider unless somebody asks for a key of their own.
resource "aws_s3_bucket" "documents" {
  bucket = "${local.prefix}-documents"
}

resource "aws_s3_bucket_public_access_block" "documents" {
  bucket                  = aws_s3_bucket.documents.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_efs_file_system" "uploads" {
  creation_token  = "${local.prefix}-uploads"
  throughput_mode = "elastic"

  lifecycle_policy {
    transition_to_ia = "AFTER_30_DAYS"
  }
}

resource "aws_sqs_queue" "admissions" {
  name                       = "${local.prefix}-admissions"
  visibility_timeout_seconds = 60
  sqs_managed_sse_enabled    = false # the old consumer could not decrypt
}

resource "aws_sqs_queue" "pages" {
  name                    = "${local.prefix}-pages"
  sqs_managed_sse_enabled = true
}
